"""Answers that are asked for again and again, kept for a while. Bounded; any thread may use it."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Hashable
from typing import Generic, TypeVar

from prober.clock import Clock

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key. They end one after another, not all at once: what was found together would be missed together."""

    def __init__(self, clock: Clock, at_most: int, for_s: float) -> None:
        self._clock = clock
        self._at_most = at_most
        self._for_s = for_s
        self._lock = threading.Lock()
        self._values: dict[Hashable, tuple[float, Value]] = {}

    def get(self, key: Hashable) -> Value | None:
        """What was kept under ``key`` and still holds."""
        found = self._values.get(key)
        return found[1] if found is not None and found[0] > self._clock.monotonic() else None

    def keep(self, key: Hashable, value: Value) -> Value:
        """Keep ``value``; the oldest goes where there are too many."""
        share = 0.5 + (zlib.crc32(repr(key).encode()) % 1_000) / 2_000
        with self._lock:
            self._values.pop(key, None)
            while len(self._values) >= self._at_most:
                del self._values[next(iter(self._values))]
            self._values[key] = (self._clock.monotonic() + self._for_s * share, value)
        return value

    def amend(self, key: Hashable, value: Value) -> None:
        """Keep ``value`` in the place of what was kept under ``key``, for no longer than that."""
        with self._lock:
            known = self._values.get(key)
            if known is not None and known[0] > self._clock.monotonic():
                self._values[key] = (known[0], value)
                return
        self.keep(key, value)
