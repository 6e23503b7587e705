"""How many runs there were and how many failed, on every kind of store."""

from fakes.alerts import AT, REGION, check, run
from fakes.storing import batch

from prober.clock import MovedClock
from prober.model import Reason, Result, Verdict
from prober.store import Count, Failing, Store
from prober.store.tally import DAY_S

UP, DOWN, DEGRADED, UNKNOWN = Verdict.UP, Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN


def written(store: Store, *results: Result, **more: object) -> None:
    store.commit(batch(f"{results[0].region} {results[0].run_id}", results=results, **more))


def test_runs_of_all_regions_count_together_and_those_that_say_nothing_do_not(store: Store) -> None:
    verdicts = [UP, DEGRADED, DOWN, DOWN, UNKNOWN]
    written(store, *(run(check(), verdict, n, region="eu") for n, verdict in enumerate(verdicts)))
    written(store, *(run(check(), verdict, n, region="us") for n, verdict in enumerate(verdicts)))
    written(store, run(check("b"), UP), run(check("c"), DOWN))
    assert store.counts(["shop", "b", "none"], AT, AT + 600) == {"shop": Count(8, 4), "b": Count(1, 0)}


def test_a_stretch_begins_with_its_first_moment_and_ends_before_its_last(store: Store) -> None:
    written(store, *(run(check(), DOWN, number) for number in range(4)))
    assert store.counts(["shop"], AT + 30, AT + 90) == {"shop": Count(2, 2)}
    assert store.counts(["shop"], AT + 91, AT + 900) == {}


def test_a_row_counts_for_the_uneventful_runs_that_it_stands_for(store: Store) -> None:
    written(store, run(check(), UP, 1), run(check(), DOWN, 2), stands_for={"shop-1": 59})
    assert store.counts(["shop"], AT, AT + 600) == {"shop": Count(60, 1)}


def test_where_a_check_fails_and_what_was_seen_last(store: Store, clock: MovedClock) -> None:
    written(store, *(run(check(), verdict, n) for n, verdict in enumerate([DOWN, UP])))
    written(store, run(check(), DOWN, 2, region="us"))
    assert store.failing("shop", AT) == Failing((REGION, "us"), Reason.STATUS, "status 503, expected 200-399")
    assert store.failing("shop", AT + 31) == Failing(("us",), Reason.STATUS, "status 503, expected 200-399")
    assert store.failing("shop", AT + 61) is None


def test_of_days_whose_results_are_gone_the_roll_ups_tell_and_of_the_latest_both_do(store: Store) -> None:
    day, noon = int(AT // DAY_S), int(AT // DAY_S) * DAY_S + 43_200
    written(store, *(run(check(), verdict, n, at=noon - 86_400.0 + n) for n, verdict in enumerate([UP, DOWN, DOWN])))
    while store.roll_up(lambda hush, check_id: False):
        pass
    assert store.counts_of_days(["shop"], day - 2, day) == {"shop": Count(3, 2)}
    if not store.shared:  # where several write, what is young has to settle before it is rolled up
        store.prune(noon - 3_600)
        assert len(store.results("shop")) == 1, "the latest stays"
    written(store, run(check(), DOWN, 9, at=noon - 86_400.0 + 9))
    assert store.counts_of_days(["shop", "b"], day - 2, day) == {"shop": Count(4, 3)}
    assert store.counts_of_days(["shop"], day, day + 1) == {}
