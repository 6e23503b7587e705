"""Announcements and subscribers, in every kind of store."""

from __future__ import annotations

from dataclasses import replace

from fakes.alerts import AT, notice

from prober.clock import MovedClock
from prober.model import Hush, HushKind, NoticeKind
from prober.store import Announced, Announcement, Store, Subscriber, Update
from prober.store.subscribers import AGAIN_S, UNCONFIRMED_S

SLOW = Announcement("a1", "main", "Slow", Announced.WARNING, AT, text="Hm.", components=("pay",), changed_at=AT)
READER = Subscriber("s1", "main", "email", "a@example.com", AT)


def test_what_was_announced_is_read_as_it_was_written(store: Store) -> None:
    other = replace(SLOW, id="a2", page="other", title="\ud800 \u2028 ok", kind=Announced.OUTAGE)
    store.announce(SLOW)
    store.announce(other)
    assert store.announcements("main", AT - 60) == (SLOW,)
    assert store.announcements("other", AT - 60)[0].title == other.title
    assert store.announcements("main", AT + 60) == ()


def test_updates_are_added_in_order_and_may_end_it(store: Store) -> None:
    store.announce(SLOW)
    first, second = Update(AT + 60, "Identified", "It is this."), Update(AT + 120, "Resolved", "Done.")
    store.add_update("main", "a1", first, None)
    changed = store.add_update("main", "a1", second, AT + 120)
    assert changed == replace(SLOW, updates=(first, second), ends_at=AT + 120, changed_at=AT + 120)
    assert store.announcements("main", AT + 60) == (changed,)
    assert store.add_update("other", "a1", first, None) is None
    assert store.add_update("main", "a9", first, None) is None


def test_what_was_withdrawn_is_gone(store: Store) -> None:
    store.announce(SLOW)
    assert not store.withdraw("other", "a1")
    assert store.withdraw("main", "a1")
    assert not store.withdraw("main", "a1")
    assert store.announcements("main", 0.0) == ()


def test_nobody_is_told_before_they_have_confirmed(store: Store) -> None:
    assert store.subscribe(READER) == READER
    assert store.subscribers("main") == ()
    assert store.confirm("s1", AT + 60) == replace(READER, confirmed_at=AT + 60)
    assert store.confirm("s1", AT + 90) == replace(READER, confirmed_at=AT + 60)
    assert store.subscribers("main") == (replace(READER, confirmed_at=AT + 60),)
    assert store.subscribers("other") == ()


def test_who_asks_again_keeps_their_id_and_is_not_written_to_often(store: Store) -> None:
    store.subscribe(READER)
    again = replace(READER, id="s2", asked_at=AT + 60)
    assert store.subscribe(again) is None
    later = replace(again, asked_at=AT + AGAIN_S)
    assert store.subscribe(later) == replace(READER, asked_at=AT + AGAIN_S)
    store.confirm("s1", AT + AGAIN_S)
    assert store.subscribe(replace(later, asked_at=AT + 9 * AGAIN_S)) is None


def test_who_never_confirmed_is_forgotten(store: Store) -> None:
    store.subscribe(READER)
    other = replace(READER, id="s2", address="b@example.com", asked_at=AT + UNCONFIRMED_S + 1)
    assert store.subscribe(other) == other
    assert store.subscriber("s1") is None
    assert store.confirm("s1", AT) is None
    assert store.subscriber("s2") == other


def test_who_unsubscribes_is_forgotten(store: Store) -> None:
    store.subscribe(READER)
    store.confirm("s1", AT)
    assert store.unsubscribe("s1")
    assert not store.unsubscribe("s1")
    assert store.subscribers("main") == ()


def test_a_notice_that_is_put_down_twice_is_sent_once(store: Store, clock: MovedClock) -> None:
    letter = ("status/main/email", notice("5f2b", NoticeKind.TRIGGER))
    store.post([letter])
    store.post([letter, letter])
    assert store.pending() == {"status/main/email": 1}
    store.post([])


def test_a_hush_keeps_what_it_says_to_the_public(store: Store) -> None:
    hush = Hush("h", HushKind.MAINTENANCE, AT, AT + 60, ("a*",), ("t",), "inside", "me", "outside")
    store.add_hush(hush)
    assert store.hushes(AT) == (hush,)
    assert hush.covers("abc", ())
    assert hush.covers("xyz", ["t"])
    assert not hush.covers("xyz", ["u"])
    assert Hush("h", HushKind.SILENCE, AT, AT).covers("any", ())
