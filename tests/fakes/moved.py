"""An event loop whose time is a MovedClock's: when everything waits, time jumps to the next timer. No test sleeps."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from prober.clock import MovedClock

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, clock: MovedClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(1.0)
        self._clock.advance(max(timeout, 1e-6))
        return ready


class MovedLoop(asyncio.SelectorEventLoop):
    """Runs on ``clock``; only its own timers move it, so sockets answer in no time at all."""

    def __init__(self, clock: MovedClock) -> None:
        self._moved = clock
        super().__init__(_JumpingSelector(clock))

    def time(self) -> float:
        return self._moved.monotonic()


def run_moved(main: Callable[[MovedClock], Coroutine[Any, Any, T]], clock: MovedClock | None = None) -> T:
    """``asyncio.run`` for ``main(clock)`` on a moved clock."""
    moved = clock or MovedClock()
    with asyncio.Runner(loop_factory=lambda: MovedLoop(moved)) as runner:
        return runner.run(main(moved))
