"""The delivery thread: a lane per channel, kept in step with the configuration."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from prober.clock import Clock, SystemClock
from prober.delivery.lane import GLANCE_S, LEASE_S, Lane, Pace, Tallies
from prober.delivery.outbox import Outbox
from prober.faults import Retryable, describe
from prober.log import Log
from prober.notify import Notifier

NO_CHANNEL = "the channel is no longer configured"
JOIN_S = 10.0
PER_MINUTE = 60
PATIENCE_S = 900.0

_log = Log(__name__)


class Delivery:
    """The thread that sends what stands in the outbox."""

    def __init__(
        self,
        outbox: Outbox,
        notifiers: Mapping[str, Notifier],
        clock: Clock | None = None,
        rng: random.Random | None = None,
        per_minute: Mapping[str, int] | None = None,
        owner: str = "",
        patient: bool = False,
    ) -> None:
        """``per_minute`` limits channels that a service would limit otherwise. ``owner`` is who claims entries here.

        ``patient`` leaves entries for a channel that is not known here to others, for a while: where several probers
        share the outbox, a newer configuration may have come to some of them only.
        """
        self._outbox = outbox
        self._notifiers = dict(notifiers)
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._owner = owner or secrets.token_hex(8)
        self._patience_s = PATIENCE_S if patient else 0.0
        self._per_minute = dict(per_minute or {})
        self._paces: dict[str, Pace] = {}
        self._tallies = Tallies()
        self._pending: Mapping[str, int] = {}
        self._lanes: dict[str, tuple[Lane, asyncio.Task[None]]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    @property
    def sent(self) -> Mapping[str, int]:
        """Notices taken by their service since the start, by channel."""
        return dict(self._tallies.sent)

    @property
    def failed(self) -> Mapping[str, int]:
        """Attempts that failed since the start, by channel."""
        return dict(self._tallies.failed)

    @property
    def parked(self) -> Mapping[str, int]:
        """Notices given up since the start, by channel."""
        return dict(self._tallies.parked)

    @property
    def broken(self) -> Mapping[str, str]:
        """Channels whose latest notice was given up, and why; one that was taken from the configuration is none."""
        return {channel: why for channel, why in dict(self._tallies.broken).items() if channel in self._lanes}

    @property
    def pending(self) -> Mapping[str, int]:
        """Notices that wait, by channel, as of the latest change."""
        return self._pending

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin with what an earlier process left."""
        self._thread.start()
        self._started.wait()

    def wake(self) -> None:
        """Notices were committed. Any thread may call it."""
        self._call(self._wake)

    def configure(self, notifiers: Mapping[str, Notifier], per_minute: Mapping[str, int] | None = None) -> None:
        """Send through these from now on; attempts under way are finished by the old ones.

        To be called before routes may name a new channel: rows for one that is not there are given up.
        """
        self._call(self._adopt, dict(notifiers), dict(per_minute or {}))

    def close(self, grace_s: float) -> None:
        """Send what is due, for at most ``grace_s`` seconds, and stop; the rest waits for the next start."""
        self._call(self._finish, grace_s)
        if self._thread.is_alive():
            self._thread.join(grace_s + JOIN_S)

    def _call(self, act: Callable[..., None], *args: Any) -> None:
        if self._loop is not None:
            # Between its last turn and its end the loop takes nothing any more, and needs to hear nothing.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(act, *args)

    # Everything below runs in the thread.

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        finally:
            self._started.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._adopt(self._notifiers, self._per_minute)
        self._started.set()
        while self._ending is None or not self._ending.done():
            self._changed.clear()
            await self._survey()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), GLANCE_S)
        await self._ending

    def _wake(self) -> None:
        self._changed.set()
        for lane, _ in self._lanes.values():
            lane.wake()

    def _adopt(self, notifiers: Mapping[str, Notifier], per_minute: Mapping[str, int]) -> None:
        leaving, self._lanes = self._lanes, {}
        for channel in notifiers:
            limit = per_minute.get(channel, PER_MINUTE)
            if channel not in self._paces or self._paces[channel].per_minute != limit:
                self._paces[channel] = Pace(limit, self._clock)
        for lane, task in leaving.values():
            lane.leave()
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        for channel, notifier in notifiers.items():
            pace = self._paces[channel]
            lane = Lane(channel, notifier, self._outbox, self._owner, pace, self._clock, self._rng, self._tallies)
            _, previous = leaving.get(channel, (None, None))
            task = asyncio.ensure_future(lane.serve(self._changed.set, previous))
            task.add_done_callback(lambda _: self._changed.set())
            self._lanes[channel] = (lane, task)
        self._changed.set()

    async def _survey(self) -> None:
        for _, task in self._lanes.values():
            if task.done() and self._ending is None:
                task.result()  # a lane ends by itself only through a defect: better no thread than a silent channel
        try:
            before, self._pending = self._pending, await asyncio.to_thread(self._outbox.pending)
            self._wake_lanes(before)
            for channel in self._pending.keys() - self._lanes.keys():
                await asyncio.to_thread(self._park_all, channel)
        except Retryable as fault:
            _log.error("outbox unavailable", error=describe(fault))

    def _wake_lanes(self, before: Mapping[str, int]) -> None:
        """Wake those for which something was put down that nobody has said anything of, as for a fallback."""
        for channel, count in self._pending.items():
            if channel in self._lanes and count > before.get(channel, 0):
                self._lanes[channel][0].wake()

    def _park_all(self, channel: str) -> None:
        # One after another: of each incident only the first row can be claimed.
        while entry := self._outbox.claim(channel, self._owner, LEASE_S):
            now = self._outbox.now()
            if self._patience_s and now - entry.notice.at < self._patience_s:
                self._outbox.postpone(entry.id, self._owner, now + GLANCE_S, NO_CHANNEL)
                continue
            self._outbox.park(entry.id, self._owner, NO_CHANNEL, entry.notice.fallback, NO_CHANNEL)
            self._tallies.parked[channel] += 1
            _log.error("notice given up", channel=channel, notice=entry.id, error=NO_CHANNEL)

    def _finish(self, grace_s: float) -> None:
        if self._ending is None:
            for lane, _ in self._lanes.values():
                lane.drain()
            self._ending = asyncio.ensure_future(self._end(grace_s))
            self._ending.add_done_callback(lambda _: self._changed.set())

    async def _end(self, grace_s: float) -> None:
        tasks = {task for _, task in self._lanes.values()} | self._leaving
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
