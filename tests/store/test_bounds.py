"""The store stays as large as it may be, and a spool's rows move over once."""

from dataclasses import replace

import pytest
from fakes.alerts import AT, check, runs
from fakes.storing import REMINDED, RESOLVED, TRANSITION, TRIGGERED, batch, decided, incident, state, tell

from prober.clock import MovedClock
from prober.model import Hush, HushKind, Verdict
from prober.store import Scope, Store, pruning

DAY_S = 86_400.0


def verdicts(store: Store) -> str:
    """Of what is kept of the shop, oldest first: a letter per result."""
    return "".join(result.verdict.value[0] for result in reversed(store.results("shop", limit=100_000)))


def test_pruning_drops_the_old_and_keeps_what_is_unfinished_or_waits(store: Store) -> None:
    store.commit(
        batch(results=tuple(runs(check(), "u" * 10)), transitions=(TRANSITION, replace(TRANSITION, at=AT + 900)))
    )
    over = {"finished": True, "closed_at": AT + 10}
    decided(
        store,
        incidents=(
            incident("old", "a", **over),
            incident("new", "b", finished=True, closed_at=AT + 900),
            incident("open", "c"),
            incident("untold", "d", closed_at=AT + 10),
        ),
    )
    for name in ("old", "new", "open"):
        tell(store, TRIGGERED, RESOLVED, incident=name)
    claimed = [store.claim("ops", "me", 30.0) for _ in range(3)]
    for row in claimed:
        assert row is not None
        store.mark_sent(row.id, "me", "200")
    assert store.prune(AT + 120) == 4 + 1 + 1 + 1
    assert len(store.results("shop")) == 6
    assert sorted(one.id for one in store.incidents()) == ["new", "open", "untold"]
    assert len(store.outbox()) == 5


def test_pruning_drops_hushes_that_ended_and_what_was_decided_of_checks_that_are_no_more(store: Store) -> None:
    store.add_hush(Hush("over", HushKind.SILENCE, AT, AT + 60))
    store.add_hush(Hush("on", HushKind.SILENCE, AT, AT + 600))
    store.commit(batch(states=(state("kept"),)))
    decided(store, incidents=(incident("1", "told"),), standings={name: {} for name in ("kept", "told", "gone")})
    assert store.prune(AT + 120) == 2
    assert [hush.id for hush in store.hushes(AT)] == ["on"]
    assert set(store.look(Scope(frozenset({"kept", "told", "gone"}))).standings) == {"kept", "told"}


def test_pruning_forgets_a_region_that_was_not_heard_of_for_a_month_with_its_states(
    store: Store, clock: MovedClock
) -> None:
    store.beat("left", "one", 30.0)
    store.commit(batch(states=(state(region="left"), state(region="eu"))))
    clock.advance(29 * DAY_S)
    store.beat("eu", "two", 30.0)
    assert store.prune(0.0) == 0
    clock.advance(2 * DAY_S)
    assert store.prune(0.0) == 2
    assert set(store.regions()) == {"eu"}
    assert [kept["region"] for kept in store.states()] == ["eu"]


def test_pruning_goes_piece_by_piece_until_all_but_the_latest_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "PRUNE_ROWS", 3)
    store.commit(batch(results=tuple(runs(check(), "u" * 10))))
    assert store.prune(AT + 9_999) == 9
    assert [result.run_id for result in store.results("shop")] == ["shop-9"]


def used_bytes(store: Store) -> int:
    with store._reading() as connection:
        return store._place.used_bytes(connection, 500.0, 0)


def test_a_store_that_is_too_large_loses_its_oldest_uneventful_results_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "PRUNE_ROWS", 500)
    store.commit(batch(results=tuple(runs(check(), "d" * 200 + "u" * 4_000 + "d" * 200))))
    assert store.shrink(100_000_000) == 0
    before = used_bytes(store)
    dropped = store.shrink(before // 2)
    assert 1_000 < dropped < 4_000
    assert verdicts(store) == "d" * 200 + "u" * (4_000 - dropped) + "d" * 200
    assert store.shrink(before // 2) == 0


def test_where_uneventful_results_are_not_enough_the_oldest_of_all_go(store: Store) -> None:
    store.commit(batch(results=tuple(runs(check(), "d" * 2_000 + "u" * 50 + "d"))))
    limit = used_bytes(store) // 2
    assert store.shrink(limit) > 50
    assert set(verdicts(store)) == {"d"}
    assert store.results("shop", 1)[0].run_id == "shop-2050"
    assert store.shrink(limit) == 0


def test_spooled_rows_move_over_oldest_first_and_once(store: Store, clock: MovedClock) -> None:
    spool = Store.in_memory(clock)
    spool.commit(batch(results=tuple(runs(check(), "udd")), transitions=(TRANSITION,), stands_for={"shop-0": 9}))
    first = spool.exported(3)
    assert [row["table"] for row in first] == ["transitions", "results", "results"]
    store.adopt(first)
    store.adopt(first)
    spool.discard(first)
    rest = spool.exported(3)
    assert [row["run_id"] for row in rest] == ["shop-2"]
    store.adopt([*first, *rest])
    spool.discard(rest)
    assert spool.exported(3) == ()
    assert verdicts(store) == "udd"
    assert [r.runs for r in store.results("shop")] == [1, 1, 9]
    assert store.transitions("shop") == (TRANSITION,)
    spool.close()


def test_what_a_later_release_spooled_moves_over_as_far_as_it_is_known(store: Store, clock: MovedClock) -> None:
    with_more = [{**row, "later": 1} for row in _one_row(clock)]
    store.adopt(with_more)
    assert store.results("shop")[0].verdict is Verdict.UP


def _one_row(clock: MovedClock) -> tuple[dict[str, object], ...]:
    spool = Store.in_memory(clock)
    spool.commit(batch(results=tuple(runs(check(), "u"))))
    rows = tuple(dict(row) for row in spool.exported(5))
    spool.close()
    return rows


def test_a_spool_is_bounded_by_age_and_by_bytes_and_tells_what_it_dropped(store: Store, clock: MovedClock) -> None:
    store.commit(batch(results=tuple(runs(check(), "d" * 50 + "u" * 2_000 + "d" * 50)), transitions=(TRANSITION,)))
    clock.set_wall(AT + 25 * 30)
    assert store.trim(100_000_000, 600.0) == 5 + 1
    limit = used_bytes(store) // 2
    assert store.trim(limit, DAY_S) == 2_000 - verdicts(store).count("u")
    assert verdicts(store).strip("d").strip("u") == ""
    assert verdicts(store).count("d") == 95
    assert store.trim(limit, DAY_S) == 0


def test_a_reminder_that_was_dropped_is_pruned_with_its_incident(store: Store) -> None:
    decided(store, incidents=(incident(finished=True, closed_at=AT + 10),))
    tell(store, REMINDED)
    row = store.claim("ops", "me", 30.0)
    assert row is not None
    store.drop(row.id, "me", "superseded")
    assert store.prune(AT + 120) == 2
