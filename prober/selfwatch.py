"""The prober watching itself: its loop, its descriptors, its own way out, and a sign of life to the outside."""

from __future__ import annotations

import asyncio
import resource
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from prober.clock import Clock
from prober.faults import describe
from prober.log import Log
from prober.model import Reason, Result, Verdict
from prober.secret import Secret

TICK_S = 0.05
ASK_S = 3.0
ANSWER_HOLDS_S = 2.0
FAR = frozenset(
    {
        Reason.DNS,
        Reason.DNS_NODATA,
        Reason.DNS_REFUSED,
        Reason.DNS_SERVFAIL,
        Reason.DNS_TIMEOUT,
        Reason.CONNECT,
        Reason.CONNECT_TIMEOUT,
        Reason.UNREACHABLE,
        Reason.PROXY,
        Reason.TLS_TIMEOUT,
        Reason.TIMEOUT,
        Reason.NAVIGATION,
        Reason.STEP_TIMEOUT,
        Reason.DEADLINE,
        Reason.SILENT,
    }
)
"""Failures in which nothing of the target was heard, so that the way to it may be what failed."""
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
    log: Log = field(default_factory=Log)
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


@dataclass(slots=True)
class Egress:
    """Canaries elsewhere: when none of them answers, it is our own network that failed and not all of our targets."""

    canaries: tuple[str, ...]
    clock: Clock
    log: Log = field(default_factory=Log)
    down_since: float | None = None
    """By the wall clock; None while one of them answers."""
    _asked_at: float = float("-inf")
    _asking: asyncio.Task[bool] | None = None

    async def vouch(self, result: Result) -> Result:
        """``result``, but unknown where it failed on the way and the canaries are out of reach too."""
        if not self.doubts(result):
            return result
        if await self.reachable():
            return result
        message = f"none of the canaries answers either, so this may be the prober's own network; {result.message}"
        return replace(result, verdict=Verdict.UNKNOWN, reason=Reason.EGRESS_DOWN, message=message, outcomes=())

    def doubts(self, result: Result) -> bool:
        """Whether ``result`` needs somebody to vouch for it."""
        return bool(self.canaries) and result.verdict is Verdict.DOWN and result.reason in FAR

    async def reachable(self) -> bool:
        """Whether one of the canaries answers; all who ask at about the same time get the same answer."""
        if self._asking is None and self.clock.monotonic() - self._asked_at >= ANSWER_HOLDS_S:
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            return await asyncio.shield(self._asking)
        return self.down_since is None

    async def _ask(self) -> bool:
        try:
            answers = await asyncio.gather(*map(self._answers, self.canaries))
        finally:
            self._asked_at, self._asking = self.clock.monotonic(), None
        if any(answers):
            self.down_since = None
        elif self.down_since is None:
            self.down_since = self.clock.wall()
            self.log.error("no canary answers: network failures are our own until one does", canaries=self.canaries)
        return any(answers)

    async def watch(self) -> None:
        """While none answers ask again now and then, until cancelled, so that the end of it is noticed."""
        while True:
            await asyncio.sleep(ANSWER_HOLDS_S * 2)
            if self.down_since is not None:
                await self.reachable()

    async def _answers(self, canary: str) -> bool:
        parts = urlsplit(canary)
        try:
            async with asyncio.timeout(ASK_S):
                if parts.scheme == "tcp":
                    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
                    writer.close()
                else:
                    async with httpx.AsyncClient(timeout=ASK_S) as client:
                        await client.head(canary)
        except (OSError, TimeoutError, UnicodeError, httpx.HTTPError, httpx.InvalidURL) as error:
            self.log.debug("a canary does not answer", canary=canary, error=describe(error))
            return False
        return True
