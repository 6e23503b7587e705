"""What a decision rests on, and that it is written with what it rests on, once, by whoever was first."""

import math
import threading
from dataclasses import replace

import pytest
from fakes.alerts import AT, REGION, TRIGGER, check, runs
from fakes.storing import NOWHERE, RESOLVED, TRANSITION, TRIGGERED, addressed, always, batch, decided, incident, state

from prober.clock import MovedClock
from prober.model import Condition, Hush, HushKind, Incident, Notice, Transition, Verdict
from prober.store import Batch, Decision, Scope, Snapshot, Store, StoreFault
from prober.store.codec import notice as read_notice
from prober.store.codec import notice_json

SHOP = Scope(frozenset({"shop"}))
EVERYTHING = Notice(
    **{
        **{name: getattr(TRIGGER, name) for name in Notice.__slots__},
        "regions_down": ("eu", "us"),
        "regions_up": ("ap",),
        "phases": (("dns", 0.1), ("tls", 0.2)),
        "actions": (("acknowledge", "https://prober.example/ack"),),
        "members": (("shop", "The shop", "503"),),
        "condition": Condition.PARTIAL,
        "last_good": AT,
        "note": "seen by one region",
        "fallback": "mail",
    }
)


def test_a_decision_sees_what_is_written_with_it(store: Store) -> None:
    seen: list[Snapshot] = []

    def decide(snapshot: Snapshot) -> Decision:
        seen.append(snapshot)
        return Decision(standings={"shop": {"verdict": "down"}}, incidents=(incident(),), transitions=(OVERALL,))

    assert store.commit(batch(states=(state(failures=3),)), decide, SHOP).incidents == (incident(),)
    (snapshot,) = seen
    assert snapshot.now == AT
    assert snapshot.votes["shop"][REGION].state == state(failures=3)
    assert (snapshot.votes["shop"][REGION].heard_at, snapshot.votes["shop"][REGION].stale_at) == (AT, AT + 60)
    assert (snapshot.standings, snapshot.incidents) == ({}, ())
    after = store.look(SHOP)
    assert after.standings == {"shop": {"verdict": "down"}}
    assert after.incidents == (incident(version=1),)
    assert store.transitions("shop") == (OVERALL,)


OVERALL = Transition("shop", "", Verdict.UP, Verdict.DOWN, AT + 60.5, AT)


def test_every_field_of_an_incident_and_a_notice_comes_back(store: Store) -> None:
    whole = incident(
        condition=Condition.PARTIAL,
        notice=EVERYTHING,
        closed_at=AT + 90,
        channels=("ops",),
        spared=("alertmanager",),
        led_by="77aa",
        acked_at=AT + 70,
        acked_by="ann",
        reminded=(("ops", AT + 80),),
        held="maintenance",
        flapping=True,
    )
    decided(store, incidents=(whole,))
    assert store.open_incidents() == (replace(whole, version=1),)
    for kind in (TRIGGERED, RESOLVED, *addressed_kinds()):
        assert read_notice(notice_json(replace(EVERYTHING, kind=kind))) == replace(EVERYTHING, kind=kind)


def addressed_kinds() -> tuple[object, ...]:
    return tuple(type(TRIGGERED))


def test_keys_and_words_of_a_later_release_are_passed_over() -> None:
    assert read_notice(notice_json(TRIGGER)[:-1] + ', "quorum": 2}') == TRIGGER
    later = notice_json(TRIGGER).replace('"trigger"', '"digest"').replace('"down"', '"odd"')
    assert read_notice(later).condition is Condition.DOWN
    assert read_notice(later).kind.value == "update"


def test_an_incident_written_by_another_since_it_was_read_is_a_fault_and_changes_nothing(store: Store) -> None:
    decided(store, incidents=(incident(),))
    (known,) = store.open_incidents()
    decided(store, "2", incidents=(replace(known, held="maintenance"),))
    late = always(incidents=(replace(known, finished=True, closed_at=AT + 9),), notices=addressed(RESOLVED))
    with pytest.raises(StoreFault, match="has changed"):
        store.commit(batch("3", results=tuple(runs(check(), "u"))), late)
    assert store.open_incidents() == (replace(known, held="maintenance", version=2),)
    assert store.results("shop") == store.outbox() == ()


def test_of_one_check_region_and_condition_there_is_one_unfinished_incident(store: Store) -> None:
    decided(store, incidents=(incident("1"), incident("2", condition=Condition.DEGRADED), incident("3", region="us")))
    with pytest.raises(StoreFault):
        decided(store, "2", incidents=(incident("4"),))
    first = next(one for one in store.open_incidents() if one.id == "1")
    finished = replace(first, finished=True, closed_at=AT + 60)
    decided(store, "3", incidents=(incident("5"), finished))
    assert sorted(one.id for one in store.open_incidents()) == ["2", "3", "5"]
    decided(store, "4", incidents=(replace(incident("6"), finished=True),))
    assert len(store.open_incidents()) == 3


def test_two_who_decide_at_once_open_one_incident_and_tell_of_it_once(store: Store) -> None:
    def decide(snapshot: Snapshot) -> Decision:
        if snapshot.incidents:
            return Decision()
        name = threading.current_thread().name
        return Decision(incidents=(incident(name),), notices=addressed(TRIGGERED, incident=name))

    def deciding(region: str) -> None:
        starting.wait()
        for number in range(5):
            told[region] |= bool(store.commit(Batch(region, str(number), states=(state(region=region),)), decide, SHOP))

    starting = threading.Barrier(4)
    told = {f"region-{number}": False for number in range(4)}
    threads = [threading.Thread(target=deciding, args=(region,), name=region) for region in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told.values()) == [False, False, False, True]
    assert len(store.incidents()) == len(store.outbox()) == 1


def test_the_snapshot_holds_checks_in_scope_in_trouble_or_gone_quiet_and_what_they_depend_on(
    store: Store, clock: MovedClock
) -> None:
    names = ("scoped", "above", "failing", "quiet", "over", "above-quiet", "fine", "long-quiet", "never-stale")
    states = {name: state(name, last_at=AT + 100) for name in names}
    states |= {"quiet": state("quiet"), "long-quiet": state("long-quiet", last_at=AT - 90_000)}
    del states["never-stale"]["stale_s"]
    there = state("quiet", "us", last_at=AT + 100)
    clock.set_wall(AT + 100)
    store.commit(batch(states=(*states.values(), there)))
    decided(store, incidents=(incident("1", "failing"),), standings={name: {"of": name} for name in names})
    clock.set_wall(AT + 101)
    ancestors = {"scoped": ("above", "over"), "quiet": ("above-quiet",), "fine": ("long-quiet",)}
    snapshot = store.look(Scope(frozenset({"scoped"}), ancestors))
    expected = {"scoped", "above", "over", "failing", "quiet", "above-quiet"}
    assert set(snapshot.votes) == set(snapshot.standings) == expected
    assert set(snapshot.votes["quiet"]) == {REGION, "us"}
    assert snapshot.votes["quiet"][REGION].stale_at == AT + 60
    assert store.look(Scope(frozenset({"never-stale"}))).votes["never-stale"][REGION].stale_at == math.inf


def test_a_check_that_is_not_looked_at_is_not_forgotten_while_people_are_told_so(
    store: Store, clock: MovedClock
) -> None:
    store.commit(batch(states=(state(),)))
    clock.set_wall(AT + 3 * 86_400)
    assert set(store.look(NOWHERE).votes) == set()
    decided(store, incidents=(incident("1", "unmonitored", region="", condition=Condition.UNMONITORED),))
    assert set(store.look(NOWHERE).votes) == {"shop"}


def test_a_scope_of_one_region_sees_neither_the_votes_nor_the_standings_of_others(
    store: Store, clock: MovedClock
) -> None:
    store.commit(batch(states=(state(), state(region="us"), state("quiet", "us"))))
    decided(store, "1", incidents=(incident("1"), incident("2", "b", region="us")), standings={"shop": {"of": "all"}})
    decided(store, "2", Scope(frozenset(), region="us"), standings={"shop": {"of": "us"}})
    clock.set_wall(AT + 61)
    own = store.look(Scope(frozenset({"shop"}), region=REGION))
    assert {check_id: set(votes) for check_id, votes in own.votes.items()} == {"shop": {REGION}}
    assert [one.id for one in own.incidents] == ["1", "2"], "whom they concern is the decision's business"
    assert own.standings == {}
    assert store.look(Scope(frozenset({"shop"}), region="us")).standings == {"shop": {"of": "us"}}
    assert store.look(SHOP).standings == {"shop": {"of": "all"}}
    decided(store, "3", Scope(frozenset(), region="us"), forgotten=("shop",))
    assert store.look(Scope(frozenset({"shop"}), region="us")).standings == {}
    assert store.look(SHOP).standings == {"shop": {"of": "all"}}


def test_a_scope_of_very_many_checks_is_no_trouble(store: Store) -> None:
    names = frozenset(f"check-{number}" for number in range(25_000))
    store.commit(batch(states=tuple(state(name) for name in sorted(names)[::5_000])))
    assert len(store.look(Scope(names)).votes) == 5


def test_hushes_and_regions_stand_in_the_snapshot(store: Store, clock: MovedClock) -> None:
    hush = Hush("h1", HushKind.SILENCE, AT + 5, AT + 60, ("shop*",), ("eu",), "deploy", "ann")
    store.add_hush(hush)
    store.beat("eu", "i", 30.0)
    assert store.look(NOWHERE).hushes == (hush,)
    assert store.look(NOWHERE).regions == {"eu": AT}
    clock.advance(60)
    assert store.look(NOWHERE).hushes == ()


def test_a_damaged_state_or_standing_costs_no_other(store: Store) -> None:
    store.commit(batch(states=(state(), state("b"))))
    decided(store, standings={"shop": {"x": 1}, "b": {"x": 2}})
    with store._writing() as connection:
        connection.exec_driver_sql("UPDATE states SET payload = '{' WHERE check_id = 'b'")
        connection.exec_driver_sql("UPDATE standings SET payload = '{' WHERE check_id = 'b'")
    snapshot = store.look(Scope(frozenset({"shop", "b"})))
    assert set(snapshot.votes) == set(snapshot.standings) == {"shop"}
    assert store.states() == (state(),)


def test_a_damaged_incident_goes_on_as_far_as_it_can_be_read_and_a_damaged_hush_silences_nobody(store: Store) -> None:
    decided(store, incidents=(incident(),))
    store.add_hush(Hush("h", HushKind.SILENCE, AT, AT + 60, ("shop",)))
    with store._writing() as connection:
        connection.exec_driver_sql("UPDATE incidents SET payload = '{', \"trigger\" = '[]'")
        connection.exec_driver_sql("UPDATE hushes SET payload = '{'")
    snapshot = store.look(NOWHERE)
    (found,) = snapshot.incidents
    assert (found.id, found.channels, found.told_at, found.notice.check_id) == ("5f2b", ("ops", "hook"), AT, "shop")
    assert (snapshot.hushes, store.hushes(AT), store.open_incidents()) == ((), (), (found,))


def test_an_incident_of_a_kind_that_only_a_later_release_knows_is_left_to_that(store: Store) -> None:
    decided(store, incidents=(incident(), incident("77", condition=Condition.PARTIAL)))
    with store._writing() as connection:
        connection.exec_driver_sql("UPDATE incidents SET condition = 'haunted' WHERE id = '77'")
    assert [one.id for one in store.look(NOWHERE).incidents] == ["5f2b"]


def test_a_notice_that_is_there_already_is_not_written_again(store: Store) -> None:
    decided(store, notices=addressed(TRIGGERED))
    decided(store, "2", notices=addressed(TRIGGERED, RESOLVED))
    assert [row.notice.kind for row in store.outbox()] == [RESOLVED, TRIGGERED]


def test_what_a_region_decided_alone_and_what_all_decided_are_told_apart(store: Store) -> None:
    store.commit(batch(transitions=(TRANSITION,)), always(transitions=(OVERALL,)))
    assert store.transitions("shop") == (OVERALL, TRANSITION)


def test_an_incident_is_what_it_was_when_nothing_was_decided_of_it(store: Store) -> None:
    known: Incident = incident()
    decided(store, incidents=(known,))
    store.commit(batch("2", states=(state(),)), always(), SHOP)
    assert store.open_incidents() == (replace(known, version=1),)
