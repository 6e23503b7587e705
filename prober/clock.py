"""Time as a value that is handed in: the system's clock in production, a moved one in tests."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks in one: durations and deadlines are monotonic, stamps shown to people are wall time."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back, not comparable between machines."""
        ...

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC; may jump when the machine's clock is set."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


class MovedClock:
    """A clock that stands still until it is moved; for tests and simulations."""

    def __init__(self, wall: float = 1_700_000_000.0, monotonic: float = 1_000.0) -> None:
        self._wall = wall
        self._monotonic = monotonic

    def monotonic(self) -> float:
        return self._monotonic

    def wall(self) -> float:
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks."""
        if seconds < 0:
            raise ValueError("time does not run backwards; use set_wall for a clock that was put back")
        self._wall += seconds
        self._monotonic += seconds

    def set_wall(self, wall: float) -> None:
        """Set the wall clock as an administrator or NTP would; the monotonic one does not notice."""
        self._wall = wall


def iso(wall: float) -> str:
    """``wall`` seconds as RFC 3339 UTC with milliseconds: ``2026-01-31T08:15:30.250Z``."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
