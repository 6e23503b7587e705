"""What is written comes back, all of it or nothing, whatever kind of store it is."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes.alerts import AT, REGION, check, run, runs
from fakes.storing import TRANSITION, addressed, always, batch, decided, incident, state

from prober.clock import MovedClock
from prober.model import Artifact, Observation, Step, Verdict
from prober.store import Batch, Decision, Scope, Snapshot, Store, StoreFault
from prober.store.codec import PAYLOAD_CHARS


def test_everything_of_a_batch_comes_back(store: Store) -> None:
    store.commit(batch(results=tuple(runs(check(), "ud?")), states=(state(),), transitions=(TRANSITION,)))
    assert store.states() == (state(),)
    assert store.transitions("shop") == (TRANSITION,)
    assert [(r.run_id, r.verdict, r.runs) for r in store.results("shop")] == [
        ("shop-2", Verdict.UNKNOWN, 1),
        ("shop-1", Verdict.DOWN, 1),
        ("shop-0", Verdict.UP, 1),
    ]
    failed = store.results("shop")[1]
    assert failed.payload["outcomes"][0]["seen"] == "503"
    assert failed.payload["phases"] == {"total": 0.5}


def test_a_batch_that_breaks_halfway_leaves_nothing(store: Store) -> None:
    def breaks(_: Snapshot) -> Decision:
        raise ValueError

    one = batch(results=tuple(runs(check(), "d")), states=(state(),), transitions=(TRANSITION,))
    with pytest.raises(ValueError):
        store.commit(one, breaks)
    with pytest.raises(StoreFault):
        store.commit(one, always(incidents=(incident(version=7),), notices=addressed(*())))
    assert store.results("shop") == store.states() == store.transitions("shop") == store.incidents() == ()
    store.commit(one)
    assert len(store.results("shop")) == 1


def test_a_batch_committed_twice_is_written_once_and_decides_nothing_again(store: Store) -> None:
    one = batch(results=tuple(runs(check(), "d")), transitions=(TRANSITION,))
    opens = always(incidents=(incident(),))
    assert store.commit(one, opens)
    assert store.commit(one, opens) == Decision()
    assert len(store.results("shop")) == len(store.transitions("shop")) == len(store.incidents()) == 1


def test_a_run_is_kept_once_also_when_it_comes_in_another_batch(store: Store) -> None:
    store.commit(batch(results=tuple(runs(check(), "ud"))))
    store.commit(batch("2", results=tuple(runs(check(), "udd"))))
    assert len(store.results("shop")) == 3


def test_a_row_may_stand_for_uneventful_runs_that_were_not_kept(store: Store) -> None:
    store.commit(batch(results=tuple(runs(check(), "ud")), stands_for={"shop-0": 60}))
    assert [r.runs for r in store.results("shop")] == [1, 60]


def test_states_are_replaced_and_forgotten_by_check_and_region(store: Store) -> None:
    here, there = state(), state(region="us-east-1")
    store.commit(batch(states=(there, here)))
    store.commit(batch("2", states=({**here, "failures": 2},), forgotten=(("shop", "us-east-1"), ("none", REGION))))
    assert store.states() == ({**here, "failures": 2},)


def test_results_are_bounded_and_hold_nothing_json_cannot(store: Store) -> None:
    observed = Observation(
        0.5,
        phases={"total": float("nan"), "tls": 0.1},
        facts={"text": "x" * PAYLOAD_CHARS},
        steps=(Step("Pay", Verdict.DOWN, 1.0),),
        artifacts=(Artifact("screenshot", "a.png"),),
    )
    result = replace(run(check(), Verdict.DOWN), observation=observed, message="nul \0 surrogate \udcff " + "m" * 9_999)
    store.commit(batch(results=(result,)))
    (kept,) = store.results("shop")
    assert kept.payload["phases"] == {"total": None, "tls": 0.1}
    assert kept.payload["cut"] is True
    assert len(kept.message) <= 2_000
    store.commit(batch("2", results=(replace(result, run_id="2", observation=replace(observed, facts={})),)))
    assert store.results("shop")[0].payload["steps"][0]["name"] == "Pay"
    assert store.results("shop")[0].payload["artifacts"][0]["path"] == "a.png"


def test_incidents_come_newest_first_and_the_open_ones_oldest_first(store: Store) -> None:
    stored = (
        incident("aaaa1", "a", opened_at=AT, closed_at=AT + 5, finished=True),
        incident("aaaa2", "b", opened_at=AT + 1),
        incident("bbbb3", "c", opened_at=AT + 2, closed_at=AT + 9),
    )
    decided(store, incidents=stored)
    first, second, third = (replace(one, version=1) for one in stored)
    assert store.incidents() == (third, second, first)
    assert store.incidents(open_only=True) == (third, second)
    assert store.incidents(1) == (third,)
    assert store.open_incidents() == (second, third)


def test_an_incident_is_found_by_as_much_of_its_id_as_is_its_own(store: Store) -> None:
    decided(
        store, incidents=(incident("abcd1", "a"), incident("abcd12", "b"), incident("ef_01", "c"), incident("1", "d"))
    )
    found = {
        name: store.incident(name) for name in ("abcd1", "abcd12", "abcd", "ef_0", "ef_", "ef%0", "EF_0", "none", "1")
    }
    assert {name: one.id for name, one in found.items() if one} == {
        "abcd1": "abcd1",
        "abcd12": "abcd12",
        "ef_0": "ef_01",
        "1": "1",
    }


def test_threads_write_and_read_at_once_without_getting_in_each_others_way(store: Store) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            one = run(check(), Verdict.UP, 1_000 * writer + number)
            store.commit(Batch(f"w{writer}", str(number), results=(one,), states=(state(), state("b"))))
            store.results("shop", limit=5)

    assert not faults_of([lambda writer=writer: write(writer) for writer in range(4)])
    assert len(store.results("shop", limit=1_000)) == 80


def faults_of(tasks: list[Callable[[], None]]) -> list[BaseException]:
    """What went wrong in threads that do these at once."""
    faults: list[BaseException] = []

    def run_one(task: Callable[[], None]) -> None:
        try:
            task()
        except (StoreFault, AssertionError) as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run_one, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def test_nothing_is_heard_later_than_now_also_after_a_clock_was_put_back(store: Store, clock: MovedClock) -> None:
    # Stamps never go backwards: those of the hour that was taken back go on from its end.
    store.commit(batch(states=(state(last_at=AT + 3_600),)))
    vote = store.look(Scope(frozenset({"shop"}))).votes["shop"][REGION]
    assert (vote.heard_at, vote.stale_at) == (AT, AT + 60)
