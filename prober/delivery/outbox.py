"""What delivery needs of the store: an outbox, as a protocol, since rooms of one row do not know each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from prober.model import Notice


class Entry(Protocol):
    """One notice for one channel, as the outbox holds it."""

    @property
    def id(self) -> str: ...
    @property
    def notice(self) -> Notice: ...
    @property
    def attempts(self) -> int: ...
    @property
    def orphaned(self) -> bool:
        """Whether an earlier notice of its incident was given up on this channel."""
        ...

    @property
    def earlier(self) -> str:
        """What the service called the first notice of its incident."""
        ...

    @property
    def superseded(self) -> bool:
        """Whether a later notice of its incident waits behind it."""
        ...


class Outbox(Protocol):
    """Where notices wait. Every method may block for a moment, and raises Retryable when it cannot answer now.

    Whoever claims an entry has it until its lease ends; what is said of it later by a former owner is refused.
    """

    def now(self) -> float: ...
    def claim(self, channel: str, owner: str, lease_s: float) -> Entry | None: ...
    def next_due(self, channel: str) -> float | None: ...
    def pending(self) -> Mapping[str, int]: ...
    def mark_sent(self, notice_id: str, owner: str, detail: str, reference: str = "") -> bool: ...
    def postpone(self, notice_id: str, owner: str, due_at: float, error: str) -> bool: ...
    def park(self, notice_id: str, owner: str, error: str, fallback: str = "", note: str = "") -> bool: ...
    def drop(self, notice_id: str, owner: str, why: str) -> bool: ...
    def standing(self, channel: str, resolved_since: float) -> Sequence[Notice]: ...
