"""From results to incidents and notices: the recorder on a real store."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.alerts import AT, REGION, Way, check, run, runs
from fakes.storing import incident
from hypothesis import given
from hypothesis import strategies as st

from prober.alerting import Recorder, Roster, Surroundings
from prober.alerting.backlog import Backlog
from prober.alerting.draft import Draft, Thinning
from prober.alerting.ledger import Ledger
from prober.alerting.telling import REMOVED
from prober.clock import MovedClock, SystemClock
from prober.model import AlertPolicy, Check, Condition, Result, Verdict
from prober.shard import Shard
from prober.state import State
from prober.store import Batch, Decide, Decision, Scope, Snapshot, Store, StoreFault

OPS = (Way(("ops",)),)


def ever(_: Check) -> float:
    """The runs of these tests were long ago, and count all the same."""
    return 1e12


class Shaky(Store):
    """A store that does not take the next ``away`` batches, and tells of every one it was offered."""

    away = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.offered = threading.Semaphore(0)

    def commit(self, batch: Batch, decide: Decide | None = None, scope: Scope | None = None) -> Decision:
        self.offered.release()
        if self.away:
            self.away -= 1
            raise StoreFault("database or disk is full")
        return super().commit(batch, decide, scope)


class Heard:
    """What the recorder told, and a way to wait for it."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.wakes = 0
        self._changed = threading.Condition()

    def state(self, check_id: str, state: State) -> None:
        with self._changed:
            self.states[check_id] = state
            self._changed.notify_all()

    def notices(self, spare: bool) -> None:
        self.wakes += 1

    def wait_for(self, check_id: str, holds: Callable[[State], bool]) -> None:
        with self._changed:
            told = lambda: check_id in self.states and holds(self.states[check_id])  # noqa: E731
            assert self._changed.wait_for(told, 20.0), self.states


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Shaky]:
    with closing(Shaky(tmp_path / "prober.db")) as opened:
        yield opened


@contextmanager
def recording(
    store: Store,
    checks: Iterable[Check],
    routes: tuple[Way, ...] = OPS,
    *,
    heard: Heard | None = None,
    capacity: int = 50_000,
    linger_s: float = 0.01,
) -> Iterator[Recorder]:
    heard = heard or Heard()
    around = Surroundings(on_state=heard.state, on_notices=heard.notices, freshness_s=ever)
    with closing(Store.in_memory()) as spare:
        recorder = Recorder(store, spare, REGION, around, capacity=capacity, linger_s=linger_s)
        recorder.start(Roster.of(checks, routes))
        try:
            yield recorder
        finally:
            recorder.close(20.0)
            assert not recorder.alive


def lone(store: Store, region: str = REGION, linger_s: float = 0.0) -> Recorder:
    """A recorder that nobody listens to."""
    around = Surroundings(on_state=lambda *_: None, on_notices=lambda _: None, freshness_s=ever)
    return Recorder(store, Store.in_memory(), region, around, linger_s=linger_s)


def feed(recorder: Recorder, results: Iterable[Result]) -> None:
    for result in results:
        recorder.put(result)


def outbox(store: Store) -> list[tuple[str, str, str]]:
    return [(row.notice.check_id, row.channel, row.notice.kind.value) for row in reversed(store.outbox(1_000))]


# Several probers of one region.


def test_a_shard_forgets_removed_checks_of_its_own_and_leaves_those_of_the_others_alone(store: Shaky) -> None:
    names = [f"check-{number}" for number in range(8)]
    shards = [Shard(index, 2) for index in range(2)]
    for shard in shards:
        recorder = lone(store)
        recorder.start(Roster.of([check(name) for name in names if shard.owns(name)], shard=shard))
        feed(recorder, [run(check(name), Verdict.UP) for name in names if shard.owns(name)])
        recorder.close(20.0)
    assert {state["check_id"] for state in store.states()} == set(names)
    gone = next(name for name in names if shards[0].owns(name))
    recorder = lone(store)
    recorder.start(Roster.of([check(name) for name in names if shards[0].owns(name) and name != gone], shard=shards[0]))
    recorder.close(20.0)
    assert {state["check_id"] for state in store.states()} == set(names) - {gone}


# The backlog.


def take(backlog: Backlog, limit: int = 100) -> list[str]:
    return [result.run_id for result in backlog.take(limit, 0.0) or ()]


def test_a_full_backlog_gives_up_the_oldest_up_first_and_then_the_oldest() -> None:
    backlog = Backlog(4)
    for result in runs(check(), "dudud"):
        backlog.put(result, urgent=True)
    assert backlog.dropped == {"full": 1}
    for result in runs(check(), "ddd", 5):
        backlog.put(result, urgent=True)
    assert take(backlog) == ["shop-4", "shop-5", "shop-6", "shop-7"]
    assert backlog.dropped == {"full": 4}


@given(st.text(alphabet="ugd?", max_size=40), st.integers(1, 10))
def test_results_leave_the_backlog_in_the_order_they_came(letters: str, limit: int) -> None:
    backlog = Backlog(100)
    for result in runs(check(), letters):
        backlog.put(result, urgent=True)
    backlog.close()
    taken: list[str] = []
    while piece := take(backlog, limit):
        taken += piece
    assert taken == [f"shop-{number}" for number in range(len(letters))]
    assert backlog.take(1, 0.0) is None


# The recorder.


def test_three_failures_tell_once_and_two_successes_resolve_once(store: Shaky) -> None:
    heard = Heard()
    with recording(store, [check()], heard=heard) as recorder:
        feed(recorder, runs(check(), "uuudduddddddduduu"))
    assert outbox(store) == [("shop", "ops", "trigger"), ("shop", "ops", "resolve")]
    (incident,) = store.incidents()
    assert (incident.opened_at, incident.closed_at) == (AT + 6 * 30, AT + 15 * 30)
    assert [t.after.value for t in reversed(store.transitions("shop"))] == ["up", "down", "up"]
    assert len(store.results("shop")) == 17
    assert heard.states["shop"].verdict is Verdict.UP
    assert heard.wakes >= 1


def test_counters_and_incidents_go_on_where_an_earlier_process_stopped(store: Shaky) -> None:
    for number, letter in enumerate("uddduuudd"):
        heard = Heard()
        with recording(store, [check()], heard=heard) as recorder:
            feed(recorder, runs(check(), letter, number))
        assert heard.states["shop"].last_at == AT + 30 * number + 0.5
    assert [kind for _, _, kind in outbox(store)] == ["trigger", "resolve"]
    assert store.states()[0]["failures"] == 2


def test_what_is_known_is_told_at_the_start(store: Shaky) -> None:
    with recording(store, [check()]) as recorder:
        feed(recorder, runs(check(), "ddd"))
    heard = Heard()
    with recording(store, [check(), check("new")], heard=heard):
        assert set(heard.states) == {"shop"}
        assert heard.states["shop"].verdict is Verdict.DOWN


def test_a_state_is_told_only_after_it_was_committed(store: Shaky) -> None:
    seen: list[int] = []
    around = Surroundings(
        on_state=lambda *_: seen.append(len(store.results("shop"))),
        on_notices=lambda _: seen.append(len(store.outbox()) * 100),
        freshness_s=ever,
    )
    recorder = Recorder(store, Store.in_memory(), REGION, around, linger_s=0.0)
    recorder.start(Roster.of([check()], OPS))
    feed(recorder, runs(check(), "ddd"))
    recorder.close(20.0)
    assert seen[-2:] == [3, 100]


def test_a_failure_is_committed_at_once_and_what_is_up_from_its_first_run_on_with_others(store: Shaky) -> None:
    heard = Heard()
    with recording(store, [check(), check("b")], heard=heard, linger_s=60.0) as recorder:
        feed(recorder, runs(check(), "uuuu"))
        assert recorder.queued == 4
        feed(recorder, runs(check("b"), "d"))
        heard.wait_for("b", lambda state: state.failures == 1)
        assert heard.states["shop"].successes == 4
        feed(recorder, runs(check("b"), "u", 1))
        heard.wait_for("b", lambda state: state.successes == 1)
    assert store.offered._value == 2


def test_while_the_store_is_away_putting_goes_on_and_nothing_is_lost_or_reordered(store: Shaky) -> None:
    store.away = 3
    heard = Heard()
    with recording(store, [check()], heard=heard) as recorder:
        feed(recorder, runs(check(), "ud"))
        store.offered.acquire()
        began = time.perf_counter()
        feed(recorder, runs(check(), "dduu", 2))
        assert time.perf_counter() - began < 0.05
        assert heard.states == {}
        heard.wait_for("shop", lambda state: state.successes == 2)
        assert recorder.store_errors == 3
        assert recorder.dropped == {}
    assert [r.run_id for r in reversed(store.results("shop"))] == [f"shop-{n}" for n in range(6)]
    assert [kind for _, _, kind in outbox(store)] == ["trigger", "resolve"]


def test_a_long_outage_of_the_store_costs_ups_before_failures_and_counts_them(store: Shaky) -> None:
    store.away = 1
    with recording(store, [check(), check("b")], capacity=6) as recorder:
        feed(recorder, runs(check(), "d"))
        store.offered.acquire()
        feed(recorder, runs(check("b"), "uuuuuu"))
        feed(recorder, runs(check(), "dd", 1))
    assert recorder.dropped == {"full": 2}
    assert outbox(store) == [("shop", "ops", "trigger")]


def test_closing_gives_up_after_its_grace_when_the_store_stays_away(store: Shaky) -> None:
    store.away = 1_000
    recorder = lone(store)
    recorder.start(Roster.of([check()], OPS))
    feed(recorder, runs(check(), "d"))
    recorder.close(0.05)
    assert not recorder.alive
    feed(recorder, runs(check(), "d"))
    assert recorder.dropped == {"closed": 1}


@pytest.mark.parametrize("restart", [False, True], ids=["on reload", "between two starts"])
def test_a_check_deleted_while_down_ends_its_incident_and_tells_so(store: Shaky, restart: bool) -> None:
    heard = Heard()
    with recording(store, [check(), check("b")], heard=heard) as recorder:
        feed(recorder, [*runs(check("b"), "d"), *runs(check(), "ddd")])
        heard.wait_for("shop", lambda state: state.failures == 3)
        if not restart:
            recorder.configure(Roster.of([check("b")], OPS))
            feed(recorder, runs(check(), "d", 3))
    if restart:
        with recording(store, [check("b")]) as recorder:
            feed(recorder, runs(check(), "d", 3))
    assert outbox(store) == [("shop", "ops", "trigger"), ("shop", "ops", "resolve")]
    assert store.outbox()[0].notice.message == REMOVED
    assert store.open_incidents() == ()
    assert [state["check_id"] for state in store.states()] == ["b"]
    assert recorder.dropped == {"removed": 1}


def test_a_check_that_comes_back_after_its_removal_is_new_and_alerts_again(store: Shaky) -> None:
    for checks in ([check()], [], [check()]):
        with recording(store, checks) as recorder:
            feed(recorder, runs(check(), "ddd"))
    assert [kind for _, _, kind in outbox(store)] == ["trigger", "resolve", "trigger"]


def test_a_changed_threshold_and_title_keep_counters_and_incident(store: Shaky) -> None:
    before = check()
    after = check(title="Renamed", alert=AlertPolicy(down_after=9, up_after=1))
    with recording(store, [before]) as recorder:
        feed(recorder, runs(before, "ddd"))
        recorder.configure(Roster.of([after], OPS))
        feed(recorder, runs(after, "du", 3))
    assert [kind for _, _, kind in outbox(store)] == ["trigger", "resolve"]


def test_another_regions_states_and_incidents_are_left_alone(store: Shaky) -> None:
    there = lone(store, "us-east-1")
    there.start(Roster.of([check()], OPS))
    feed(there, [run(check(), Verdict.DOWN, number, region="us-east-1") for number in range(3)])
    there.close(20.0)
    with recording(store, [check("b")]):
        pass
    assert [state["region"] for state in store.states()] == ["us-east-1"]
    assert len(store.open_incidents()) == 1


def test_an_unreadable_state_starts_anew_and_its_open_incident_is_still_resolved(store: Shaky) -> None:
    with recording(store, [check()]) as recorder:
        feed(recorder, runs(check(), "ddd"))
    broken = {"check_id": "shop", "region": REGION, "verdict": "sideways"}
    store.commit(Batch("test", "1", states=(broken,)))
    with recording(store, [check()]) as recorder:
        feed(recorder, runs(check(), "dddu", 3))
        feed(recorder, runs(check(), "u", 7))
    assert [kind for _, _, kind in outbox(store)] == ["trigger", "resolve"]


def test_the_recorder_keeps_no_bodies(store: Shaky) -> None:
    recorder = lone(store)
    recorder.put(run(check(), Verdict.UP))
    (held,) = recorder._backlog.take(1, 0.0) or ()
    assert held.observation.body is None


def test_thousands_of_checks_are_recorded_within_seconds(store: Shaky) -> None:
    many = [check(f"c{number}") for number in range(2_000)]
    results = [run(one, Verdict.DOWN, number) for number in range(3) for one in many]
    began = time.perf_counter()
    with recording(store, many) as recorder:
        feed(recorder, results)
    assert time.perf_counter() - began < 40.0
    assert store.pending() == {"ops": 2_000}
    assert len(store.open_incidents()) == 2_000


@given(letters=st.text(alphabet="ugd?", max_size=50), restarts=st.sets(st.integers(0, 50), max_size=3))
def test_over_every_history_triggers_and_resolves_alternate(
    letters: str, restarts: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    cuts = sorted({0, *(cut for cut in restarts if cut < len(letters)), len(letters)})
    with closing(Store(tmp_path_factory.mktemp("history") / "prober.db")) as store:
        for first, last in pairwise(cuts):
            with recording(store, [check()], linger_s=0.0) as recorder:
                feed(recorder, runs(check(), letters[first:last], first))
        kinds = [kind for _, _, kind in outbox(store)]
        assert kinds == (["trigger", "resolve"] * 50)[: len(kinds)]
        downs = [t for t in store.transitions("shop", 100) if t.after is Verdict.DOWN]
        assert len(downs) == kinds.count("trigger")
        assert len(store.open_incidents()) == kinds.count("trigger") - kinds.count("resolve")
        assert len(store.results("shop", 100)) == len(letters)


def test_trouble_with_the_prober_goes_to_the_channels_that_are_to_hear_of_it(store: Shaky) -> None:
    told = threading.Event()
    around = Surroundings(
        on_state=lambda *_: None, on_notices=lambda _: told.set(), troubles=lambda: {"egress": "no canary answers"}
    )
    recorder = Recorder(store, Store.in_memory(), REGION, around)
    recorder.start(Roster.of([check()], OPS, channels=["admin"]))
    assert told.wait(20.0)
    recorder.close(20.0)
    assert outbox(store) == [("prober", "admin", "trigger")]


class Away(Store):
    """A shared store that can be away."""

    away = False
    shared = True  # type: ignore[assignment]

    def commit(self, batch: Batch, decide: Decide | None = None, scope: Scope | None = None) -> Decision:
        if self.away:
            raise StoreFault("the server is not there")
        return super().commit(batch, decide, scope)

    def look(self, scope: Scope) -> Snapshot:
        if self.away:
            raise StoreFault("the server is not there")
        return super().look(scope)

    def now(self) -> float:
        if self.away:
            raise StoreFault("the server is not there")
        return super().now()


def test_what_another_region_told_is_known_once_the_store_is_away(tmp_path: Path) -> None:
    with closing(Away(tmp_path / "shared.db")) as shared, closing(Store.in_memory()) as spare:
        judge = lambda snapshot, ledger: Decision()  # noqa: E731 - nothing follows here: others decide
        ledger = Ledger(shared, spare, REGION, SystemClock(), judge, lambda: Batch(REGION, "all"))
        ledger.open()
        told = incident("x", channels=("ops",))
        shared.commit(Batch("us", "1"), lambda _: Decision(incidents=(told,)), Scope(frozenset()))
        ledger.tend(Scope(frozenset()))
        assert ledger.told == {"x": ("shop", Condition.DOWN, ("ops",))}
        shared.away = True
        again = Ledger(shared, spare, REGION, SystemClock(), judge, lambda: Batch(REGION, "all"))
        again.open()
        assert again.away
        assert again.told == ledger.told, "also after a restart meanwhile"


def test_one_fault_of_the_store_after_this_process_stood_still_is_not_taken_for_its_being_away(tmp_path: Path) -> None:
    clock = MovedClock()

    class Stopped(Away):
        faults = 1

        def commit(self, batch: Batch, decide: Decide | None = None, scope: Scope | None = None) -> Decision:
            if self.faults:
                self.faults -= 1
                clock.advance(60.0)
                raise StoreFault("terminating connection due to idle-in-transaction timeout")
            return super().commit(batch, decide, scope)

    with closing(Stopped(tmp_path / "shared.db")) as shared, closing(Store.in_memory()) as spare:
        ledger = Ledger(shared, spare, REGION, clock, lambda *_: Decision(), lambda: Batch(REGION, "all"))
        ledger.open()
        ledger.write(Batch(REGION, "1"), None, lambda _: False)
        assert not ledger.away


def test_a_check_that_is_heard_of_again_is_looked_at_at_once() -> None:
    # Its runs are as steady as before, and yet it is not what was decided of it while it was silent.
    steady = check()
    state = State("shop", REGION, Verdict.UP, since=AT, successes=1, last_at=AT)
    for late_s, changed in ((30.0, set[str]()), (71.0, {"shop"})):
        draft = Draft(REGION, {"shop": state}, lambda _: 70.0)
        draft.record(run(steady, Verdict.UP, at=AT + late_s), Thinning(0.0))
        assert draft.changed == changed
