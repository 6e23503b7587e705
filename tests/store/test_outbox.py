"""Notices leave in order, each held by one at a time, whatever becomes of who sends them."""

import threading
from collections import Counter, defaultdict

import pytest
from fakes.alerts import AT
from fakes.storing import REMINDED, RESOLVED, TRIGGERED, UPDATED, addressed, decided, ids, send, tell

from prober.clock import MovedClock
from prober.model import NoticeKind
from prober.store import Store

LEASE_S = 30.0


def claimed(store: Store, channel: str = "ops", owner: str = "me") -> str | None:
    row = store.claim(channel, owner, LEASE_S)
    return row.id if row else None


def test_of_each_incident_only_the_first_notice_that_waits_is_claimed(store: Store) -> None:
    tell(store, TRIGGERED, RESOLVED)
    tell(store, TRIGGERED, incident="77")
    assert [claimed(store), claimed(store), claimed(store)] == ["5f2b-trigger-ops", "77-trigger-ops", None]
    assert store.postpone("5f2b-trigger-ops", "me", AT + 10, "503")
    assert store.mark_sent("77-trigger-ops", "me", "200 ok", "thread-7")
    assert (claimed(store), store.next_due("ops"), store.next_due("hook")) == (None, AT + 10, None)
    assert store.pending() == {"ops": 2}
    assert [row.status for row in store.outbox()] == ["sent", "pending", "pending"]
    assert ids(store.outbox(status="sent")) == ["77-trigger-ops"]
    assert store.outbox(status="sent")[0].reference == "thread-7"


def test_a_notice_put_off_comes_back_when_it_is_due_with_its_attempts_and_last_error(
    store: Store, clock: MovedClock
) -> None:
    tell(store, TRIGGERED, RESOLVED)
    assert claimed(store) == "5f2b-trigger-ops"
    store.postpone("5f2b-trigger-ops", "me", AT + 10, "503")
    clock.advance(10)
    row = store.claim("ops", "me", LEASE_S)
    assert row is not None
    assert (row.id, row.attempts, row.detail, row.due_at) == ("5f2b-trigger-ops", 1, "503", AT + 10)
    store.mark_sent(row.id, "me", "200 ok")
    assert claimed(store) == "5f2b-resolve-ops"
    assert store.pending() == {"ops": 1}


def test_one_channel_does_not_wait_for_another(store: Store) -> None:
    tell(store, TRIGGERED)
    tell(store, TRIGGERED, RESOLVED, channel="hook")
    assert send(store, "hook") == "5f2b-trigger-hook"
    assert claimed(store, "hook") == "5f2b-resolve-hook"
    assert claimed(store) == "5f2b-trigger-ops"


def test_a_lease_that_ended_hands_the_notice_over_and_its_old_owner_changes_nothing_any_more(
    store: Store, clock: MovedClock
) -> None:
    tell(store, TRIGGERED)
    assert claimed(store, owner="one") == "5f2b-trigger-ops"
    assert claimed(store, owner="two") is None
    assert store.next_due("ops") == AT + LEASE_S
    clock.advance(LEASE_S)
    assert claimed(store, owner="two") == "5f2b-trigger-ops"
    name = "5f2b-trigger-ops"
    assert not store.mark_sent(name, "one", "200")
    assert not store.postpone(name, "one", AT, "503")
    assert not store.park(name, "one", "404", "mail")
    assert not store.drop(name, "one", "late")
    assert [row.status for row in store.outbox()] == ["pending"]
    assert store.mark_sent(name, "two", "200")
    assert not store.mark_sent(name, "two", "200")


def test_a_lease_that_ended_while_nobody_else_wanted_the_notice_still_counts(store: Store, clock: MovedClock) -> None:
    tell(store, TRIGGERED)
    claimed(store)
    clock.advance(LEASE_S * 2)
    assert store.mark_sent("5f2b-trigger-ops", "me", "200")


def test_what_a_killed_owner_held_is_given_back_at_its_next_start(store: Store) -> None:
    tell(store, TRIGGERED)
    tell(store, TRIGGERED, incident="77")
    claimed(store)
    assert claimed(store, owner="other") == "77-trigger-ops"
    assert store.release("me") == 1
    assert [claimed(store), claimed(store)] == ["5f2b-trigger-ops", None]


def test_what_is_due_or_leased_absurdly_late_was_stamped_by_a_clock_that_was_put_back(
    store: Store, clock: MovedClock
) -> None:
    tell(store, TRIGGERED)
    claimed(store)
    store.postpone("5f2b-trigger-ops", "me", AT + 300, "503")
    assert claimed(store) is None
    clock.set_wall(AT - 86_400)
    assert claimed(store) == "5f2b-trigger-ops"
    clock.set_wall(AT - 2 * 86_400)
    assert claimed(store, owner="other") == "5f2b-trigger-ops"


def test_a_resolve_is_orphaned_when_its_trigger_was_given_up_and_nothing_else_was_sent(store: Store) -> None:
    tell(store, TRIGGERED, RESOLVED)
    assert claimed(store) == "5f2b-trigger-ops"
    assert store.park("5f2b-trigger-ops", "me", "answered 404: no_service")
    row = store.claim("ops", "me", LEASE_S)
    assert row is not None
    assert (row.id, row.orphaned) == ("5f2b-resolve-ops", True)
    assert store.outbox(status="parked")[0].detail == "answered 404: no_service"
    tell(store, TRIGGERED, REMINDED, RESOLVED, incident="77")
    send(store)
    assert claimed(store) == "77-reminder-ops"
    store.park("77-reminder-ops", "me", "400")
    row = store.claim("ops", "me", LEASE_S)
    assert row is not None
    assert (row.id, row.orphaned) == ("77-resolve-ops", False)


def test_a_claimed_notice_knows_what_the_service_called_the_first_one_and_whether_it_is_superseded(
    store: Store,
) -> None:
    tell(store, TRIGGERED, UPDATED, REMINDED, RESOLVED)
    send(store, reference="thread-1")
    send(store, reference="message-2")
    reminder = store.claim("ops", "me", LEASE_S)
    assert reminder is not None
    assert (reminder.notice.kind, reminder.earlier, reminder.superseded) == (REMINDED, "thread-1", True)
    assert store.drop(reminder.id, "me", "the resolve waits")
    resolve = store.claim("ops", "me", LEASE_S)
    assert resolve is not None
    assert (resolve.notice.kind, resolve.earlier, resolve.superseded) == (RESOLVED, "thread-1", False)
    dropped = store.outbox(status="dropped")[0]
    assert (dropped.notice.kind, dropped.detail) == (REMINDED, "the resolve waits")


def test_a_notice_given_up_goes_to_its_fallback_with_a_note_and_no_further(store: Store) -> None:
    tell(store, TRIGGERED)
    claimed(store)
    assert store.park("5f2b-trigger-ops", "me", "404", "mail", "Slack answered 404")
    row = store.claim("mail", "me", LEASE_S)
    assert row is not None
    assert row.id == row.notice.id
    assert row.id.startswith("5f2b-trigger-ops-via-")
    assert (row.channel, row.notice.note, row.notice.fallback) == ("mail", "Slack answered 404", "")
    assert store.retry() == 1
    claimed(store)
    store.park("5f2b-trigger-ops", "me", "404", "mail", "Slack answered 404")
    assert len(store.outbox()) == 2


def test_parked_notices_are_put_back_one_with_what_waits_behind_it_or_all(store: Store) -> None:
    for name in ("5f2b", "77"):
        tell(store, TRIGGERED, RESOLVED, incident=name)
        for kind in ("trigger", "resolve"):
            assert claimed(store) == f"{name}-{kind}-ops"
            store.park(f"{name}-{kind}-ops", "me", "404")
    assert store.retry("none") == 0
    assert store.retry("5f2b-trig") == 2
    assert [claimed(store), claimed(store)] == ["5f2b-trigger-ops", None]
    assert store.retry() == 2
    assert claimed(store) == "77-trigger-ops"


def test_nothing_is_put_back_to_be_told_after_its_resolve(store: Store) -> None:
    tell(store, TRIGGERED, REMINDED, RESOLVED)
    send(store)
    claimed(store)
    store.park("5f2b-reminder-ops", "me", "400")
    send(store)
    assert store.retry() == store.retry("5f2b-reminder-ops") == 0
    assert claimed(store) is None


def test_what_stands_at_a_channel_is_the_latest_that_was_sent_of_each_incident(store: Store, clock: MovedClock) -> None:
    tell(store, TRIGGERED, UPDATED, incident="open")
    tell(store, TRIGGERED, RESOLVED, incident="over")
    tell(store, TRIGGERED, incident="waiting", channel="hook")
    for _ in range(4):
        send(store)
    assert {(n.incident_id, n.kind) for n in store.standing("ops", AT - 1)} == {("open", UPDATED), ("over", RESOLVED)}
    assert [n.incident_id for n in store.standing("ops", AT)] == ["open"]
    assert store.standing("hook", AT - 1) == ()


def test_an_incident_whose_end_is_on_its_way_is_not_told_again_as_standing(store: Store) -> None:
    tell(store, TRIGGERED, RESOLVED, incident="ending")
    send(store)
    assert store.standing("ops", AT - 1) == (), "its end may have been taken though no answer came"
    send(store)
    assert [notice.kind for notice in store.standing("ops", AT - 1)] == [RESOLVED]


@pytest.mark.parametrize("owners", ["one each", "one for all"])
def test_eight_who_claim_at_once_never_hold_the_same_and_keep_the_order_of_each_incident(
    store: Store, owners: str
) -> None:
    incidents = [f"incident-{number}" for number in range(6)]
    kinds = tuple(NoticeKind)
    decided(store, notices=[pair for name in incidents for pair in addressed(*kinds, incident=name)])
    taken: Counter[str] = Counter()
    order: defaultdict[str, list[NoticeKind]] = defaultdict(list)
    noting = threading.Lock()

    def deliver(owner: str) -> None:
        while row := store.claim("ops", owner, LEASE_S):
            with noting:
                taken[row.id] += 1
                order[row.notice.incident_id].append(row.notice.kind)
            assert store.mark_sent(row.id, owner, "200")

    def serve(number: int) -> None:
        while store.pending():
            deliver("all" if owners == "one for all" else str(number))

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(taken.values()) == {1}
    assert len(taken) == len(incidents) * len(kinds)
    assert set(map(tuple, order.values())) == {kinds}


def test_whoever_was_told_instead_hears_of_the_end_whatever_the_route_says_by_then(store: Store) -> None:
    tell(store, TRIGGERED, RESOLVED)
    claimed(store)
    store.park("5f2b-trigger-ops", "me", "404", "mail", "ops could not be told")
    claimed(store)
    store.park("5f2b-resolve-ops", "me", "the notice before it was never delivered", "")
    assert [row.notice.kind for row in reversed(store.outbox()) if row.channel == "mail"] == [TRIGGERED, RESOLVED]


def test_whoever_was_told_instead_hears_of_the_end_also_when_the_channel_is_well_again(store: Store) -> None:
    tell(store, TRIGGERED, REMINDED, RESOLVED)
    send(store)
    claimed(store)
    store.park("5f2b-reminder-ops", "me", "401", "mail", "ops could not be told")
    send(store)
    assert [row.notice.kind for row in reversed(store.outbox()) if row.channel == "mail"] == [REMINDED, RESOLVED]
