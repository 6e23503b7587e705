"""While the store is away: probing goes on, alerts go by this region's own view, and nothing is told twice after."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes.alerts import AT, REGION, Way, check, run

from prober.alerting import Recorder, Roster, Surroundings
from prober.alerting.ledger import AWAY_AFTER_S, LOOK_EVERY_S
from prober.clock import MovedClock
from prober.model import AlertPolicy, Check, Condition, Hush, HushKind, Verdict
from prober.store import Snapshot, Store, StoreFault

UP, DOWN = Verdict.UP, Verdict.DOWN


class Distant(Store):
    """A store that can be out of reach."""

    away = False

    def now(self) -> float:
        self._reach()
        return super().now()

    def commit(self, *args: Any, **more: Any) -> Any:
        self._reach()
        return super().commit(*args, **more)

    def look(self, *args: Any) -> Snapshot:
        self._reach()
        return super().look(*args)

    def _reach(self) -> None:
        if self.away:
            raise StoreFault("no route to the database")


class Desk:
    """A recorder without its thread, so that one decides what happens when."""

    def __init__(self, store: Distant, spare: Store, clock: MovedClock, checks: list[Check]) -> None:
        self.clock, self.store, self.spare = clock, store, spare
        self.woken: list[bool] = []
        around = Surroundings(on_state=lambda *_: None, on_notices=self.woken.append)
        self.recorder = Recorder(store, spare, REGION, around, clock=clock)
        self.recorder._thread.start = lambda: None  # type: ignore[method-assign]
        self.recorder.start(Roster.of(checks, (Way(("ops",)),)))
        self._number = 0

    def run(self, of: Check, verdict: Verdict) -> None:
        self._number += 1
        result = run(of, verdict, self._number, at=self.clock.wall())
        self.recorder._record([result])
        self.pass_time(30.0)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.recorder._record([])
        self.recorder._tend()

    def lose(self) -> None:
        """The store goes out of reach for longer than is waited."""
        self.store.away = True
        wait = self.recorder._giving_up.wait
        self.recorder._giving_up.wait = lambda s: self.clock.advance(AWAY_AFTER_S) or False  # type: ignore
        self._wait = wait

    def regain(self) -> None:
        self.store.away = False
        self.pass_time(LOOK_EVERY_S)
        for _ in range(5):
            self.pass_time(5.0)

    def told(self) -> list[tuple[str, str, str]]:
        """(check, kind, note) of all that was ever written for delivery, in both stores, oldest first."""
        rows = [row for store in (self.spare, self.store) for row in reversed(Store.outbox(store, 1_000))]
        return [(row.notice.check_id, row.notice.kind.value, row.notice.note.partition(":")[0]) for row in rows]


@contextmanager
def desk(tmp_path: Path, *checks: Check) -> Iterator[Desk]:
    clock = MovedClock(AT)
    with (
        closing(Distant(tmp_path / "prober.db", clock)) as store,
        closing(Store.in_memory(clock)) as spare,
    ):
        yield Desk(store, spare, clock, list(checks) or [check()])


def about_shop(told: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    return [(kind, note) for check_id, kind, note in told if check_id == "shop"]


def test_an_outage_while_the_store_is_away_is_told_marked_and_resolved_once_it_is_back(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.run(check(), UP)
        here.lose()
        for _ in range(4):
            here.run(check(), DOWN)
        assert here.recorder.away
        assert about_shop(here.told()) == [("trigger", "store")]
        here.regain()
        assert not here.recorder.away
        for _ in range(3):
            here.run(check(), UP)
        assert about_shop(here.told()) == [("trigger", "store"), ("resolve", "store")]
        assert here.store.open_incidents() == here.spare.open_incidents() == ()
        assert [r.verdict.value for r in reversed(here.store.results("shop"))] == ["up", *["down"] * 4, *["up"] * 3]
        assert [t.after.value for t in reversed(here.store.transitions("shop"))] == ["up", "down", "up"]


def test_an_outage_that_was_told_before_is_not_told_again_while_the_store_is_away(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        for _ in range(4):
            here.run(check(), DOWN)
        here.lose()
        for verdict in (DOWN, UP, DOWN, DOWN, DOWN):
            here.run(check(), verdict)
        here.regain()
        assert about_shop(here.told()) == [("trigger", "")]
        for _ in range(3):
            here.run(check(), UP)
        assert about_shop(here.told()) == [("trigger", ""), ("resolve", "")]


def test_an_outage_that_outlasts_the_stores_is_told_once(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.lose()
        for _ in range(4):
            here.run(check(), DOWN)
        here.regain()
        for _ in range(5):
            here.run(check(), DOWN)
        assert about_shop(here.told()) == [("trigger", "store")]
        (own,) = [one for one in here.store.open_incidents() if one.region != REGION]
        assert own.condition is Condition.DOWN


def test_the_store_that_is_away_is_trouble_of_the_prober_told_once_and_resolved_once(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.run(check(), UP)
        here.lose()
        for _ in range(5):
            here.run(check(), UP)
        here.regain()
        here.run(check(), UP)
        prober = [(kind, note) for check_id, kind, note in here.told() if check_id == "prober"]
        assert [kind for kind, _ in prober] == ["trigger", "resolve"]


def test_what_was_silenced_stays_silent_while_the_store_is_away(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.store.add_hush(Hush("h", HushKind.SILENCE, AT, AT + 36_000.0, ("shop",), (), "known"))
        here.run(check(), UP)
        here.lose()
        for _ in range(5):
            here.run(check(), DOWN)
        assert about_shop(here.told()) == []
        assert [one.held for one in here.spare.open_incidents() if one.check_id == "shop"] == ["silenced: known"]


@pytest.mark.parametrize("times", [2, 3])
def test_a_store_that_comes_and_goes_costs_nothing(tmp_path: Path, times: int) -> None:
    steady = check(alert=AlertPolicy(down_after=3, up_after=2, flapping=None))
    with desk(tmp_path, steady) as here:
        here.run(steady, UP)
        for _ in range(times):
            here.lose()
            for _ in range(4):
                here.run(steady, DOWN)
            here.regain()
            for _ in range(3):
                here.run(steady, UP)
        assert [kind for kind, _ in about_shop(here.told())] == ["trigger", "resolve"] * times
        assert len(here.store.results("shop", 100)) == 1 + times * 7
        assert here.recorder.dropped == {}


def test_what_another_region_or_an_earlier_process_told_is_not_told_again_while_the_store_is_away(
    tmp_path: Path,
) -> None:
    with desk(tmp_path) as here:
        for _ in range(4):
            here.run(check(), DOWN)
        # As another that has decided none of it: only the store tells it who knows.
        other = Desk(here.store, here.spare, here.clock, [check()])
        other.pass_time(30.0)
        other.lose()
        for verdict in (UP, UP, DOWN, DOWN, DOWN):
            other.run(check(), verdict)
        assert about_shop(other.told()) == [("trigger", "")]


def test_an_outage_over_two_absences_of_the_store_holds_up_nothing_else(tmp_path: Path) -> None:
    with desk(tmp_path, check(), check("api")) as here:
        here.run(check("api"), UP)
        here.lose()
        for _ in range(4):
            here.run(check("shop"), DOWN)
        here.regain()
        here.lose()
        for verdict in (UP, UP, DOWN, DOWN, DOWN):
            here.run(check("shop"), verdict)
            here.run(check("api"), DOWN)
        here.regain()
        assert {one.check_id for one in here.spare.open_incidents()} <= {"shop"}
        for _ in range(3):
            here.run(check("shop"), UP)
            here.run(check("api"), UP)
        here.pass_time(30.0)
        told = [(check_id, kind) for check_id, kind, _ in here.told() if check_id != "prober"]
        assert sorted(told) == [(name, kind) for name in ("api", "shop") for kind in ("resolve", "trigger")]
        assert here.store.open_incidents() == here.spare.open_incidents() == ()


def test_a_silence_that_was_ended_is_over_also_while_the_store_is_away(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.store.add_hush(Hush("h", HushKind.SILENCE, AT, AT + 36_000.0, ("shop",), (), "known"))
        here.run(check(), UP)
        here.lose()
        here.run(check(), UP)
        here.regain()
        here.store.end_hush("h", here.clock.wall())
        here.run(check(), UP)
        here.lose()
        for _ in range(4):
            here.run(check(), DOWN)
        assert about_shop(here.told()) == [("trigger", "store")]


def test_a_commit_whose_answer_was_lost_is_sent_at_once_all_the_same(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        for _ in range(2):
            here.run(check(), DOWN)
        commit = here.store.commit

        def unanswered(*args: Any, **more: Any) -> Any:
            here.store.commit = commit  # type: ignore[method-assign]
            commit(*args, **more)
            raise StoreFault("the connection was closed")

        here.store.commit = unanswered  # type: ignore[method-assign]
        here.run(check(), DOWN)
        assert about_shop(here.told()) == [("trigger", "")]
        assert here.woken == [False]


def test_a_run_that_no_store_took_is_as_if_it_had_not_been(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.run(check(), UP)
        here.lose()
        here.run(check(), UP)
        commit = here.spare.commit
        here.spare.commit = lambda *_: here.store._reach()  # type: ignore[method-assign,assignment]
        for _ in range(3):
            here.run(check(), DOWN)
        here.spare.commit = commit  # type: ignore[method-assign]
        for _ in range(3):
            here.run(check(), DOWN)
        assert about_shop(here.told()) == [("trigger", "store")]
