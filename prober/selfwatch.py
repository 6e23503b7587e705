"""The prober watching itself: stalls of its loop, file descriptors, and a sign of life to the outside."""

from __future__ import annotations

import asyncio
import resource
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import structlog

from prober.clock import Clock
from prober.secret import Secret

TICK_S = 0.05
KEPT_S = 4000.0  # as long as the longest run


@dataclass(slots=True)
class LoopWatch:
    """Samples the event loop: a tick that comes late means that the loop stood still for that long."""

    clock: Clock
    worst_s: float = 0.0
    _stalls: deque[tuple[float, float]] = field(default_factory=deque)

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            before = self.clock.monotonic()
            await asyncio.sleep(TICK_S)
            self.record(before, self.clock.monotonic())

    def record(self, before: float, after: float) -> None:
        """Note one tick that was to take ``TICK_S`` and went from ``before`` to ``after``."""
        late_s = after - before - TICK_S
        if late_s < TICK_S:
            return
        self.worst_s = max(self.worst_s, late_s)
        self._stalls.append((after, late_s))
        while self._stalls and self._stalls[0][0] < after - KEPT_S:
            self._stalls.popleft()

    def stalled_since(self, start: float) -> float:
        """Seconds the loop stood still since ``start`` (monotonic); a stall counts from where it overlaps."""
        total_s = 0.0
        for end, late_s in reversed(self._stalls):
            if end <= start:
                break
            total_s += min(late_s, end - start)
        return total_s


def descriptors() -> tuple[int, int]:
    """Open file descriptors of this process, and how many it may open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return len(list(Path("/proc/self/fd").iterdir())), limit


def raise_descriptor_limit() -> int:
    """Raise the soft limit of file descriptors to the hard one, as servers do; returns what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 1_048_576) if hard != resource.RLIM_INFINITY else 1_048_576
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


@dataclass(slots=True)
class Heartbeat:
    """Calls an outside dead-man's switch while the prober is healthy; silence there means that it is not."""

    url: Secret
    every_s: float
    healthy: Callable[[], bool]
    log: structlog.typing.FilteringBoundLogger = field(default_factory=structlog.get_logger)
    sent: int = 0
    failed: int = 0

    async def beat(self) -> None:
        """Call until cancelled. A call that fails is logged and counted, and never raises."""
        async with httpx.AsyncClient(timeout=min(10.0, self.every_s), follow_redirects=True, trust_env=False) as client:
            while True:
                if self.healthy():
                    await self._call(client)
                await asyncio.sleep(self.every_s)

    async def _call(self, client: httpx.AsyncClient) -> None:
        try:
            response = await client.get(self.url.reveal())
            response.raise_for_status()
            self.sent += 1
        except httpx.HTTPError as error:
            # The error's text holds the URL, which is the secret; its kind must do.
            self.failed += 1
            self.log.warning("the heartbeat was not taken", error=type(error).__name__)
