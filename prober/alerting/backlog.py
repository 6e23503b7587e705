"""The bounded queue between the probing and the recording thread."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from itertools import count

from prober.model import Result, Verdict


class Backlog:
    """Results in order of arrival. When it is full the oldest ``up`` goes first, and only then the oldest of all."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._numbers = count()
        self._ups: deque[tuple[int, Result]] = deque()
        self._others: deque[tuple[int, Result]] = deque()
        self._dropped: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._urgent = False
        self._limit = capacity
        self._closed = False

    def __len__(self) -> int:
        return len(self._ups) + len(self._others)

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results given up, by why: ``full`` or ``closed``."""
        with self._changed:
            return dict(self._dropped)

    def put(self, result: Result, *, urgent: bool) -> None:
        """Take ``result``, or drop another for it. Never waits for the reader's work."""
        with self._changed:
            if self._closed:
                self._dropped["closed"] += 1
                return
            if len(self) >= self._capacity:
                (self._ups or self._others).popleft()
                self._dropped["full"] += 1
            lane = self._ups if result.verdict is Verdict.UP else self._others
            lane.append((next(self._numbers), result))
            self._urgent = self._urgent or urgent
            # Not for every one: a reader that lets more come in would wake up only to wait on.
            if self._urgent or len(self) == 1 or len(self) >= self._limit:
                self._changed.notify()

    def poke(self) -> None:
        """Let the reader look up though there may be no result."""
        with self._changed:
            self._wake(True)

    def close(self) -> None:
        """Take no more; the reader gets what is there."""
        with self._changed:
            self._closed = True
            self._wake(True)

    def take(self, limit: int, linger_s: float, idle_s: float | None = None) -> list[Result] | None:
        """Up to ``limit`` results: at once when one is urgent, else after letting more come in for ``linger_s``.

        An empty list after ``poke``, or when nothing came for ``idle_s``; None when closed and empty.
        """
        with self._changed:
            self._limit = limit
            if not self._changed.wait_for(lambda: len(self) or self._urgent, idle_s):
                return []
            if not self._urgent:
                self._changed.wait_for(lambda: self._urgent or len(self) >= limit, linger_s)
            if self._closed and not len(self):
                return None
            taken = [self._first() for _ in range(min(limit, len(self)))]
            self._urgent = self._closed or (self._urgent and len(self) > 0)
            return taken

    def _first(self) -> Result:
        if not self._ups or (self._others and self._others[0][0] < self._ups[0][0]):
            return self._others.popleft()[1]
        return self._ups.popleft()[1]

    def _wake(self, urgent: bool) -> None:
        self._urgent = self._urgent or urgent
        self._changed.notify()
