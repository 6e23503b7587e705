"""What is asked of latency, runs, incidents and objectives."""

from dataclasses import replace

import pytest
from fakes.alerts import AT, REGION, check, notice
from fakes.storing import RESOLVED, TRIGGERED, decided, incident, send, tell
from fakes.watching import Watching

from prober.clock import MovedClock
from prober.history import Bucket, History, Query
from prober.history.counts import width_of
from prober.model import Hush, HushKind, NoticeKind, Slo, Verdict
from prober.store import Store, StoreFault
from prober.store.notes import StoredMarker
from prober.store.tally import DAY_S

SHOP = check(tags=("front",), slo=Slo(objective=99.0, window="30d"))
MIDNIGHT = AT // DAY_S * DAY_S


@pytest.fixture
def history(store: Store, clock: MovedClock) -> History:
    return History(store, lambda: [SHOP], clock=clock)


def roll(store: Store, clock: MovedClock) -> None:
    store.roll_up(lambda hush, check_id: False)
    clock.advance(61.0)
    store.roll_up(lambda hush, check_id: False)


# Latency.


def test_latency_is_of_all_good_runs_in_buckets_of_one_width(store: Store, history: History, clock: MovedClock) -> None:
    watching = Watching(store)
    watching.sees(SHOP, "u" * 20, MIDNIGHT, 30.0, [0.1] * 10 + [0.2] * 10)
    roll(store, clock)
    watching.sees(SHOP, "uudddd", MIDNIGHT + 900, 30.0, 0.4)
    found = history.latency("shop", REGION, MIDNIGHT, MIDNIGHT + 1_500, 5)
    assert [(bucket.start - MIDNIGHT, bucket.width_s) for bucket in found] == [(300.0 * n, 300.0) for n in range(5)]
    assert [(bucket.runs, bucket.good) for bucket in found] == [(10, 10), (10, 10), (0, 0), (6, 2), (0, 0)]
    assert [bucket.p50_s for bucket in found] == [
        pytest.approx(0.1, rel=0.01),
        pytest.approx(0.2, rel=0.01),
        None,
        pytest.approx(0.4, rel=0.01),
        None,
    ]
    assert found[1].phases == pytest.approx({"connect": 0.05, "total": 0.2})
    (whole,) = history.latency("shop", "", MIDNIGHT, MIDNIGHT + 1_500, 1)
    assert (whole.runs, whole.p50_s) == (26, pytest.approx(0.2, rel=0.01))
    (day,) = history.latency("shop", "", MIDNIGHT - 40 * DAY_S, MIDNIGHT + 1_500, 50)[-1:]
    assert (day.width_s, replace(day, start=0, width_s=0)) == (DAY_S, replace(whole, start=0, width_s=0))
    assert history.latency("shop", "elsewhere", MIDNIGHT, MIDNIGHT + 300, 1) == (Bucket(MIDNIGHT, 300.0, 0, 0),)


def test_a_width_is_the_least_whose_buckets_are_few_enough() -> None:
    assert width_of(0, 86_400, 288) == 300
    assert width_of(0, 86_400, 287) == 600
    assert width_of(10, 86_410, 288) == 600
    assert width_of(0, 90 * DAY_S, 90) == DAY_S
    assert width_of(0, 3_000 * DAY_S, 3) >= 1_000 * DAY_S


def test_sparklines_keep_what_is_over_and_go_on_with_what_is_not(
    store: Store, history: History, clock: MovedClock
) -> None:
    watching = Watching(store)
    watching.sees(SHOP, "u" * 10, MIDNIGHT, 30.0, 0.1)
    clock.set_wall(MIDNIGHT + 3_600)
    before = history.sparklines(["shop", "other"], MIDNIGHT, MIDNIGHT + 3_600, 12)
    assert [bucket.runs for bucket in before["shop"]] == [10] + [0] * 11
    assert [bucket.runs for bucket in before["other"]] == [0] * 12
    watching.sees(SHOP, "u" * 10, MIDNIGHT + 3_300, 30.0, 0.2)
    clock.set_wall(MIDNIGHT + 3_900)
    after = history.sparklines(["shop"], MIDNIGHT + 300, MIDNIGHT + 3_900, 12)["shop"]
    assert [bucket.runs for bucket in after] == [0] * 10 + [10, 0]
    assert after[10].p95_s == pytest.approx(0.2, rel=0.01)
    assert after[10].phases == {}


# Runs.


def test_results_come_in_pages_newest_first(store: Store, history: History) -> None:
    results = Watching(store).sees(SHOP, "uddgu?u")
    Watching(store, "elsewhere").sees(SHOP, "u")
    asked, seen = Query("shop", region=REGION, limit=3), []
    while True:
        page = history.results(asked)
        seen += [result.run_id for result in page.results]
        if page.next is None:
            break
        asked = replace(asked, before=page.next)
    assert seen == [result.run_id for result in reversed(results)]
    bad = history.results(Query("shop", verdicts=("down", "degraded"), until=AT + 90.0))
    assert [result.run_id for result in bad.results] == [results[2].run_id, results[1].run_id]
    assert history.results(Query("shop", since=AT + 10_000.0)).results == ()


def test_a_run_is_found_by_its_id_and_its_last_good_one_before_it(store: Store, history: History) -> None:
    results = Watching(store).sees(SHOP, "ugdu")
    failed = history.run(results[2].run_id)
    assert failed is not None
    assert failed.verdict is Verdict.DOWN
    good = history.last_good(failed)
    assert good is not None
    assert good.run_id == results[1].run_id
    first = history.run(results[0].run_id)
    assert first is not None
    assert history.last_good(first) is None
    assert history.run("none") is None


# Incidents.


def test_incidents_are_those_that_lasted_at_some_time_between(store: Store, history: History) -> None:
    over = {"finished": True, "closed_at": AT + 100}
    decided(
        store,
        incidents=(
            incident("over", **over),
            incident("open", "desk", opened_at=AT + 50),
            incident("later", "shop", opened_at=AT + 500),
        ),
    )

    def ids(*asked: float, check_id: str | None = None) -> list[str]:
        return [one.id for one in history.incidents(check_id, *asked)]

    assert ids(AT, AT + 1_000) == ["later", "open", "over"]
    assert ids(AT + 101, AT + 400) == ["open"]
    assert ids(AT, AT + 1_000, check_id="shop") == ["later", "over"]
    assert history.incidents(None, AT, AT + 1_000, limit=1)[0].id == "later"


def test_a_timeline_tells_what_happened_in_the_order_it_did(store: Store, history: History, clock: MovedClock) -> None:
    Watching(store).sees(SHOP, "uuu" + "ddd" + "uu")
    opened = incident("5f2b", opened_at=AT + 90, decided_at=AT + 151, told_at=AT + 151)
    decided(store, incidents=(opened,))
    clock.set_wall(AT + 152)
    tell(store, TRIGGERED)
    send(store)
    clock.set_wall(AT + 154)
    decided(store, "hook", notices=(("hook", notice("5f2b", NoticeKind.TRIGGER, "hook")),))
    row = store.claim("hook", "me", 30.0)
    assert row is not None
    store.park(row.id, "me", "410 gone")
    assert store.add_note("5f2b", "rolled back", "ops", AT + 160)
    assert not store.add_note("none", "rolled back", "ops", AT + 160)
    store.add_hush(Hush("h", HushKind.SILENCE, AT + 170, AT + 900, tags=("front",), by="ops"))
    acked = store.ack("5f2b", "ops", AT + 165)
    assert acked is not None
    closed = replace(acked, closed_at=AT + 180, finished=True)
    decided(store, "closed", incidents=(closed,))
    clock.set_wall(AT + 212)
    tell(store, RESOLVED)
    untold, *events = history.timeline(closed)
    assert (untold.kind, untold.text) == ("told", "ops not told of the end yet")
    assert [(event.kind, round(event.at - AT), event.ok) for event in events] == [
        ("failed", 90, False),
        ("failed", 120, False),
        ("failed", 150, False),
        ("confirmed", 150, False),
        ("opened", 151, True),
        ("told", 152, True),
        ("told", 154, False),
        ("note", 160, True),
        ("acked", 165, True),
        ("silenced", 170, True),
        ("closed", 180, True),
        ("recovered", 210, True),
    ]
    texts = [event.text for event in events]
    assert texts[0] == f"{REGION}: status: status 503, expected 200-399"
    assert texts[5:8] == [
        "ops told of the beginning: 200 ok",
        "hook could not be told of the beginning, given up: 410 gone",
        "ops: rolled back",
    ]


def test_notes_and_markers_are_kept_bounded(store: Store) -> None:
    decided(store, incidents=(incident("5f2b"),))
    store.add_note("5f2b", "a\0" + "b" * 20_000, "ops", AT)
    (note,) = store.notes("5f2b")
    assert (len(note.text), note.text[:3], note.author) == (10_000, "a\ufffdb", "ops")
    store.add_marker("d1", AT, "v1", ("front",), "https://ci.example/1", "ci")
    store.add_marker("d2", AT + 60, "v2")
    store.add_marker("d1", AT + 30, "v1 again")
    assert store.markers(AT, AT + 60) == (StoredMarker("d1", AT + 30, "v1 again"),)
    assert [marker.id for marker in store.markers(AT, AT + 61)] == ["d1", "d2"]
    assert [marker.id for marker in store.markers(AT, AT + 61, limit=1)] == ["d2"]


# Objectives.


def test_a_budget_is_of_the_runs_that_may_fail(store: Store, history: History, clock: MovedClock) -> None:
    Watching(store).sees(SHOP, "u" * 400 + "d" * 4 + "u" * 396)
    clock.set_wall(AT + 800 * 30)
    now = clock.wall()
    budget = history.budget(SHOP, now)
    assert budget is not None
    assert (budget.objective, budget.window_s) == (99.0, 30 * DAY_S)
    assert budget.left == pytest.approx(1 - 4 / (0.01 * 800))
    assert budget.burn == pytest.approx({"1h": 0.0, "6h": 4 / 720 / 0.01, "1d": 0.5, "3d": 0.5}, rel=0.02)
    assert budget.gone_at == pytest.approx(now + budget.left * 30 * DAY_S / budget.burn["6h"])
    assert history.budget(check(), now) is None


def test_a_budget_of_which_nothing_is_known_is_none(history: History) -> None:
    budget = history.budget(SHOP, AT)
    assert budget is not None
    assert (budget.left, budget.burn, budget.gone_at) == (None, {}, None)


def test_where_the_store_is_away_that_is_said() -> None:
    away = History(Store("postgresql://prober@127.0.0.1:1/none", wait=False))
    with pytest.raises(StoreFault):
        away.uptime("shop", "", AT, AT + 60)
