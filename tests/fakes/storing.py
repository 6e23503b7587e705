"""Batches, incidents and decisions as the store meets them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fakes.alerts import AT, REGION, TRIGGER, notice
from prober.model import Condition, Incident, Notice, NoticeKind, Reason, Transition, Verdict
from prober.store import Batch, Decide, Decision, Scope, Store, StoreFault

TRIGGERED, UPDATED, REMINDED, RESOLVED = NoticeKind
TRANSITION = Transition("shop", REGION, Verdict.UP, Verdict.DOWN, AT + 60.5, AT)
NOWHERE = Scope(frozenset())


def incident(name: str = "5f2b", check_id: str = "shop", **changed: Any) -> Incident:
    """An open incident that was told to two channels; not yet stored."""
    subject = replace(TRIGGER, incident_id=name, check_id=check_id)
    whole = Incident(name, check_id, REGION, Condition.DOWN, Reason.STATUS, "503", AT, AT + 60.5, subject)
    return replace(whole, **{"channels": ("ops", "hook"), "told_at": AT + 60.5, **changed})


def state(check_id: str = "shop", region: str = REGION, **changed: Any) -> dict[str, Any]:
    """As much of a state as the store looks at: last heard of at AT, and good for a minute."""
    return {"check_id": check_id, "region": region, "verdict": "up", "last_at": AT, "stale_s": 60.0, **changed}


def batch(token: str = "1", **parts: Any) -> Batch:
    """A batch of the one region that there is."""
    return Batch("eu", token, **parts)


def decided(store: Store, token: str = "d", scope: Scope = NOWHERE, **parts: Any) -> Decision:
    """Have this decision, whatever the store holds, written."""
    return store.commit(Batch("decider", token), always(**parts), scope)


def always(**parts: Any) -> Decide:
    """A decision that does not depend on anything."""
    return lambda _: Decision(**parts)


def addressed(*kinds: NoticeKind, incident: str = "5f2b", channel: str = "ops") -> tuple[tuple[str, Notice], ...]:
    """Notices of one incident for one channel."""
    return tuple((channel, notice(incident, kind, channel)) for kind in kinds)


def tell(store: Store, *kinds: NoticeKind, incident: str = "5f2b", channel: str = "ops") -> None:
    """Put these into the outbox."""
    notices = addressed(*kinds, incident=incident, channel=channel)
    decided(store, f"{incident} {channel} {kinds}", notices=notices)


def send(store: Store, channel: str = "ops", owner: str = "me", reference: str = "") -> str:
    """Deliver the next notice; which one that was."""
    row = store.claim(channel, owner, 30.0)
    assert row is not None
    assert store.mark_sent(row.id, owner, "200 ok", reference)
    return row.id


def until(true: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for something that happens elsewhere; what the store cannot answer meanwhile is not it yet."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        with suppress(StoreFault):
            if true():
                return
        time.sleep(0.01)
    raise AssertionError(f"not within {within_s:g} s")


def ids(rows: Iterable[Any]) -> list[str]:
    """What they are called."""
    return [row.id for row in rows]
