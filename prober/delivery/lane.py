"""One channel's side of delivery: its notices one after another, each until it is taken or given up."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from prober.clock import Clock
from prober.delivery.attempts import backoff_s, next_attempt
from prober.delivery.outbox import Entry, Outbox
from prober.faults import DeliveryFault, Retryable, describe
from prober.log import Log
from prober.model import NoticeKind
from prober.notify import Notifier, Receipt, Repeating

ATTEMPT_S = 15.0
"""The hard end of one attempt, which for some services is several calls."""
LEASE_S = 45.0
"""For how long an entry is ours: well beyond an attempt, and what a crash delays its notice by."""
GLANCE_S = 60.0
"""Whoever waits looks again after this: the wall clock it waits by may have been set."""
MINUTE_S = 60.0
ORPHANED = "the notice before it was never delivered"
SUPERSEDED = "a later notice says more"

_log = Log(__name__)
P = ParamSpec("P")
T = TypeVar("T")


class Tallies:
    """What became of notices since the start, by channel."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.parked: Counter[str] = Counter()
        self.broken: dict[str, str] = {}
        """Why the channel's latest notice was given up; gone with the next that is taken."""


class Pace:
    """Keeps a channel below its service's rate limit."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=per_minute)

    def count(self) -> None:
        """One was sent."""
        self._sent.append(self._clock.monotonic())

    def free_at(self) -> float:
        """When, by the monotonic clock, the next one may be sent."""
        return self._sent[0] + MINUTE_S if len(self._sent) == self.per_minute else 0.0


class Lane:
    """Sends what is due for one channel, one notice at a time."""

    def __init__(
        self,
        channel: str,
        notifier: Notifier,
        outbox: Outbox,
        owner: str,
        pace: Pace,
        clock: Clock,
        rng: random.Random,
        tallies: Tallies,
    ) -> None:
        self.channel = channel
        self.notifier = notifier
        self._outbox = outbox
        self._owner = owner
        self._pace = pace
        self._clock = clock
        self._rng = rng
        self._tallies = tallies
        self._woken = asyncio.Event()
        self._leaving = False
        self._draining = False
        self._resume_at = 0.0
        self._repeat_at = 0.0

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
                claimed_at = self._clock.monotonic()
                entry = await self._claim()
                if entry is not None:
                    await self._deliver(entry, claimed_at)
                    settled()
                elif self._draining:
                    return
                else:
                    await self._repeat()
                    await self._rest()
        finally:
            await self.notifier.close()

    async def _claim(self) -> Entry | None:
        self._resume_at = max(self._resume_at, self._pace.free_at())
        if self._clock.monotonic() < self._resume_at:
            return None
        return await self._ask(self._outbox.claim, self.channel, self._owner, LEASE_S)

    async def _rest(self) -> None:
        due_at = await self._ask(self._outbox.next_due, self.channel)
        wait_s = GLANCE_S
        if due_at is not None:
            wait_s = max(0.0, due_at - await self._ask(self._outbox.now))
        wait_s = max(wait_s, self._resume_at - self._clock.monotonic())
        if isinstance(self.notifier, Repeating):
            wait_s = min(wait_s, max(0.0, self._repeat_at - self._clock.monotonic()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), min(wait_s, GLANCE_S))

    async def _deliver(self, entry: Entry, claimed_at: float) -> None:
        if entry.orphaned:
            await self._park(entry, ORPHANED)
            return
        if entry.superseded and entry.notice.kind is NoticeKind.REMINDER:
            await self._ask(self._outbox.drop, entry.id, self._owner, SUPERSEDED)
            return
        if self._clock.monotonic() - claimed_at > LEASE_S - ATTEMPT_S:
            return  # this process was stopped for a while: somebody else may have it by now
        self._pace.count()
        receipt = await self._bounded(self.notifier.send(entry.notice, entry.earlier))
        if isinstance(receipt, Receipt):
            detail = f"{receipt.status} {receipt.detail}".strip()
            await self._ask(self._outbox.mark_sent, entry.id, self._owner, detail, receipt.reference)
            self._tallies.sent[self.channel] += 1
            self._tallies.broken.pop(self.channel, None)
            _log.info("notice sent", channel=self.channel, notice=entry.id, kind=entry.notice.kind.value)
        else:
            await self._fail(entry, receipt)

    async def _fail(self, entry: Entry, fault: DeliveryFault) -> None:
        self._tallies.failed[self.channel] += 1
        now = await self._ask(self._outbox.now)
        again_at = next_attempt(entry.attempts + 1, fault, now, self._rng)
        if again_at is None:
            await self._park(entry, describe(fault))
            return
        again_in_s = again_at - now
        if isinstance(fault, Retryable) and fault.after_s is not None:
            self._resume_at = self._clock.monotonic() + again_in_s
        error = describe(fault)
        _log.warning(
            "notice not sent", channel=self.channel, notice=entry.id, error=error, again_in_s=round(again_in_s, 1)
        )
        await self._ask(self._outbox.postpone, entry.id, self._owner, again_at, error)

    async def _park(self, entry: Entry, error: str) -> None:
        fallback, note = entry.notice.fallback, f"{self.channel} could not be told: {error}"
        await self._ask(self._outbox.park, entry.id, self._owner, error, fallback, note)
        self._tallies.parked[self.channel] += 1
        self._tallies.broken[self.channel] = error
        _log.error("notice given up", channel=self.channel, notice=entry.id, error=error, fallback=fallback or None)

    async def _repeat(self) -> None:
        """Tell a service that forgets all that stands, when it is time to."""
        notifier, now = self.notifier, self._clock.monotonic()
        if not isinstance(notifier, Repeating) or now < self._repeat_at:
            return
        self._repeat_at = now + notifier.repeat_every_s
        since = await self._ask(self._outbox.now) - notifier.repeat_resolved_s
        notices = await self._ask(self._outbox.standing, self.channel, since)
        if not notices:
            return
        outcome = await self._bounded(notifier.repeat(notices))
        if isinstance(outcome, DeliveryFault):
            self._tallies.failed[self.channel] += 1
            _log.warning("standing alerts not repeated", channel=self.channel, error=describe(outcome))

    async def _bounded(self, sent: Coroutine[Any, Any, T]) -> T | DeliveryFault:
        """What ``sent`` gives, or why it gives nothing."""
        # A task of its own: whatever a notifier raises is seen here, and one that hangs is left behind.
        sending = asyncio.ensure_future(sent)
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
