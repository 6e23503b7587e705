"""What people answer to notices reaches the store that the recorder looks at, and the recorder at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.alerts import AT
from fakes.storing import decided, incident

from prober.app.replies import StoreReplies
from prober.clock import MovedClock
from prober.faults import Retryable
from prober.model import HushKind
from prober.store import Store
from prober.web.signing import signature

KEY = b"k" * 32


@dataclass
class Alarm:
    """As much of the alerting side as replies need."""

    store: Store
    spare: Store
    key: bytes | None = KEY
    poked: int = 0
    away: bool = False

    @property
    def current(self) -> Store:
        return self.spare if self.away else self.store

    @property
    def recorder(self) -> Any:
        return SimpleNamespace(away=self.away)

    def poke(self) -> None:
        self.poked += 1


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    clock = MovedClock(AT + 100)
    with closing(Store.in_memory(clock)) as store, closing(Store.in_memory(clock)) as spare:
        yield Alarm(store, spare)


@pytest.fixture
def replies(alarm: Any) -> StoreReplies:
    return StoreReplies(alarm)


def test_only_our_own_signature_for_that_very_action_holds(alarm: Alarm, replies: StoreReplies) -> None:
    assert replies.verify("ack", "5f2b", signature(KEY, "ack", "5f2b"))
    assert not replies.verify("silence", "5f2b", signature(KEY, "ack", "5f2b"))
    alarm.key = None
    with pytest.raises(Retryable):
        replies.verify("ack", "5f2b", signature(KEY, "ack", "5f2b"))


def test_an_acknowledgement_is_stored_and_the_recorder_told(alarm: Alarm, replies: StoreReplies) -> None:
    decided(alarm.store, incidents=(incident(),))
    matter = replies.ack("5f2b", "Ada")
    known = alarm.store.incident("5f2b")
    assert matter is not None
    assert known is not None
    assert (matter.incident.acked_by, known.acked_by, known.acked_at, alarm.poked) == ("Ada", "Ada", AT + 100, 1)
    assert replies.ack("ffff", "Ada") is None


def test_a_silence_is_of_all_that_was_told_together_and_a_second_one_changes_it(
    alarm: Alarm, replies: StoreReplies
) -> None:
    members = (incident("77aa", "login", led_by="5f2b", channels=()), incident("88bb", "other"))
    decided(alarm.store, incidents=(incident(), *members))
    for seconds in (3600.0, 60.0):
        assert replies.silence("5f2b", seconds, "Ada") is not None
    (hush,) = alarm.store.hushes(AT + 100)
    assert (hush.kind, hush.checks, hush.by, hush.ends_at) == (HushKind.SILENCE, ("shop", "login"), "Ada", AT + 160)
    assert alarm.poked == 2
    assert replies.silence("ffff", 60.0, "Ada") is None


def test_while_the_store_is_away_the_spare_is_asked_and_what_it_cannot_keep_refused(
    alarm: Alarm, replies: StoreReplies
) -> None:
    decided(alarm.store, incidents=(incident("77aa"),))
    decided(alarm.spare, incidents=(incident("5f2b"),))
    alarm.away = True
    matter = replies.ack("5f2b", "Ada")
    assert matter is not None
    assert matter.incident.acked_by == "Ada"
    with pytest.raises(Retryable):
        replies.matter("77aa")
    with pytest.raises(Retryable):
        replies.silence("5f2b", 60.0, "Ada")
    assert alarm.spare.hushes(AT) == ()
