"""One channel's side of delivery: its notices one after another, each until it is taken or given up."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog

from prober.clock import Clock
from prober.delivery.attempts import backoff_s, next_attempt
from prober.delivery.outbox import Entry, Outbox
from prober.faults import DeliveryFault, Retryable, describe
from prober.model import Notice
from prober.notify import Notifier, Receipt

ATTEMPT_S = 10.0
"""The hard end of one attempt."""
GLANCE_S = 60.0
"""Whoever waits looks again after this: the wall clock it waits by may have been set."""
ORPHANED = "the notice before it was never delivered"

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


class Tallies:
    """What became of notices since the start, by channel."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.parked: Counter[str] = Counter()


class Lane:
    """Sends what is due for one channel, one notice at a time."""

    def __init__(
        self, channel: str, notifier: Notifier, outbox: Outbox, clock: Clock, rng: random.Random, tallies: Tallies
    ) -> None:
        self.channel = channel
        self.notifier = notifier
        self._outbox = outbox
        self._clock = clock
        self._rng = rng
        self._tallies = tallies
        self._woken = asyncio.Event()
        self._leaving = False
        self._draining = False
        self._resume_at = 0.0

    def wake(self) -> None:
        """Look at the outbox again."""
        self._woken.set()

    def drain(self) -> None:
        """Leave as soon as nothing is due."""
        self._draining = True
        self._woken.set()

    def leave(self) -> None:
        """Leave after the attempt that is under way."""
        self._leaving = True
        self._woken.set()

    async def serve(self, settled: Callable[[], None], previous: asyncio.Task[None] | None = None) -> None:
        """Send until told to leave; ``settled`` is called after each attempt. Begins when ``previous`` has ended."""
        if previous is not None:
            await asyncio.wait({previous})
        try:
            while not self._leaving:
                self._woken.clear()
                entry = await self._head()
                if entry is not None:
                    await self._deliver(entry)
                    settled()
                elif self._draining:
                    return
                else:
                    await self._rest()
        finally:
            await self.notifier.close()

    async def _head(self) -> Entry | None:
        if self._clock.monotonic() < self._resume_at:
            return None
        entries = await self._ask(self._outbox.due, self.channel, self._clock.wall(), 1)
        return entries[0] if entries else None

    async def _rest(self) -> None:
        due_at = await self._ask(self._outbox.next_due, self.channel)
        wait_s = GLANCE_S if due_at is None else max(0.0, due_at - self._clock.wall())
        wait_s = max(wait_s, self._resume_at - self._clock.monotonic())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), min(wait_s, GLANCE_S))

    async def _deliver(self, entry: Entry) -> None:
        if entry.orphaned:
            await self._park(entry, ORPHANED)
            return
        receipt = await self._attempt(entry.notice)
        now = self._clock.wall()
        if isinstance(receipt, Receipt):
            await self._ask(self._outbox.mark_sent, entry.id, now, f"{receipt.status} {receipt.detail}".strip())
            self._tallies.sent[self.channel] += 1
            _log.info("notice sent", channel=self.channel, notice=entry.id, kind=entry.notice.kind.value)
            return
        self._tallies.failed[self.channel] += 1
        again_at = next_attempt(entry.attempts + 1, receipt, now, self._rng)
        if again_at is None:
            await self._park(entry, describe(receipt))
            return
        if isinstance(receipt, Retryable) and receipt.after_s is not None:
            self._resume_at = self._clock.monotonic() + (again_at - now)
        error = describe(receipt)
        _log.warning(
            "notice not sent", channel=self.channel, notice=entry.id, error=error, again_in_s=round(again_at - now, 1)
        )
        await self._ask(self._outbox.postpone, entry.id, again_at, error)

    async def _park(self, entry: Entry, error: str) -> None:
        await self._ask(self._outbox.park, entry.id, self._clock.wall(), error)
        self._tallies.parked[self.channel] += 1
        _log.error("notice given up", channel=self.channel, notice=entry.id, error=error)

    async def _attempt(self, notice: Notice) -> Receipt | DeliveryFault:
        # A task of its own: whatever a notifier raises is seen here, and one that hangs is left behind.
        sending = asyncio.ensure_future(self.notifier.send(notice))
        try:
            await asyncio.wait({sending}, timeout=ATTEMPT_S)
        finally:
            sending.cancel()
        if not sending.done() or sending.cancelled():
            return Retryable(f"no answer within {ATTEMPT_S:g} s")
        fault = sending.exception()
        if fault is None:
            return sending.result()
        if isinstance(fault, DeliveryFault):
            return fault
        _log.error("a notifier failed unexpectedly", channel=self.channel, exc_info=fault)
        return Retryable(f"internal: {type(fault).__name__}: {describe(fault)}")

    async def _ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The outbox's answer; asked again until there is one, since what was sent must be marked."""
        failures = 0
        while True:
            try:
                return await asyncio.to_thread(question, *args, **kwargs)
            except Retryable as fault:
                failures += 1
                _log.error("outbox unavailable", channel=self.channel, error=describe(fault))
                await asyncio.sleep(min(5.0, backoff_s(failures, self._rng)))
