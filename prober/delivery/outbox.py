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


class Outbox(Protocol):
    """Where notices wait. Every method may block for a moment, and raises Retryable when it cannot answer now."""

    def due(self, channel: str, now: float, limit: int = ...) -> Sequence[Entry]: ...
    def next_due(self, channel: str) -> float | None: ...
    def pending(self) -> Mapping[str, int]: ...
    def mark_sent(self, notice_id: str, at: float, detail: str) -> None: ...
    def postpone(self, notice_id: str, due_at: float, error: str) -> None: ...
    def park(self, notice_id: str, at: float, error: str) -> None: ...
