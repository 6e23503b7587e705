"""An engine process: runs its share of the checks, and reports what came about to the prober that feeds on it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from prober.app.assemble import open_logs
from prober.app.running.here import Here
from prober.app.running.wire import Assignment, Beside, Hello, Report, Stop, Undecided, facts_of, hear, packed
from prober.clock import SystemClock
from prober.log import Log
from prober.model import Check, Result
from prober.pace import give_way, keep_what_is_there
from prober.probes import Flight

HELD_S = 0.005  # what is ready within this is reported together
BEAT_S = 1.0
FULL_BYTES = 4 * 1024 * 1024
"""So much that the prober has not read yet: no more runs are begun, and their slots are missed, until it has."""

_log = Log(__name__)


class Outbox:
    """The ``Listener`` of an engine process: gathers a report and sends it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.known: Mapping[str, Check] = {}
        self.here: Paced | None = None
        self.generation = 0
        self._writer = writer
        self._clock = SystemClock()
        self._report = Report(0)
        self._timer: asyncio.TimerHandle | None = None

    def take(self, check: Check, result: Result, ended: Callable[[], None]) -> None:
        known = self.known.get(check.id)
        if known is check or known == check:  # a reload may have changed or removed it meanwhile
            self._report.results.append((check.id, facts_of(result)))
            self.note(check.id)
        ended()

    def count_missed(self, check_id: str, n: int) -> None:
        self._report.missed.append((check_id, n))
        self.note(check_id)

    def count_cancelled(self, check_id: str) -> None:
        self._report.cancelled.append(check_id)
        self.note(check_id)

    def observe_lag(self, seconds: float) -> None:
        self._report.lags.append(seconds)

    def note(self, check_id: str) -> None:
        """Report soon where the check stands."""
        self._report.stands[check_id] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HELD_S, self.send)

    def send(self) -> None:
        """Report now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        report, self._report = self._report, Report(0)
        report.generation = self.generation
        if self.here is not None:
            stands_at = self.here.scheduler.stands_at
            report.stands = {check_id: stands_at(check_id) for check_id in report.stands}
            report.beat, report.stall_worst_s = self.here.beat, self.here.stall_worst_s
        self._writer.write(packed(report))

    async def beat(self) -> None:
        """Report now and then, also where nothing comes about, until cancelled."""
        while True:
            await asyncio.sleep(BEAT_S)
            self.send()

    @property
    def full(self) -> bool:
        """Whether more waits to be read than should."""
        return self._writer.transport.get_write_buffer_size() > FULL_BYTES

    async def room(self, until: float) -> bool:
        """Wait for it to be no longer full; False where it still is at ``until`` (monotonic)."""
        while self.full:
            left_s = until - self._clock.monotonic()
            if left_s <= 0:
                return False
            await asyncio.sleep(min(left_s, HELD_S))
        return True


class Paced(Here):
    """Begins no more than the prober takes the results of."""

    def __init__(self, outbox: Outbox, region: str, wall_ahead_s: float | None) -> None:
        super().__init__(region, SystemClock(), {}, outbox, wall_ahead_s)
        self._outbox = outbox

    def _begin(self, check: Check, slot: float, ended: Callable[[], None]) -> Flight | None:
        if check.schedule is not None:
            self._outbox.note(check.id)  # nobody could tell otherwise that it was under way
        return None if self._outbox.full else super()._begin(check, slot, ended)

    async def _run(self, check: Check, slot: float, until: float) -> bool:
        return await self._outbox.room(until) and await super()._run(check, slot, until)


def work(line: socket.socket) -> None:
    """The main function of an engine process; ``line`` leads to the prober, whose end is also its own."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the prober says when to stop, and how
        signal.signal(number, signal.SIG_IGN)
    give_way()
    import uvloop  # as serve does

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(line))


async def _work(line: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=line)
    outbox = Outbox(writer)
    writer.write(packed(Hello(os.getpid())))
    tasks: list[asyncio.Task[None]] = []
    while (order := await hear(reader)) is not None:
        match order:
            case Assignment():
                await _adopt(order, outbox)
                if not tasks and outbox.here is not None:
                    keep_what_is_there()
                    # What breaks here breaks off the process, and another takes its place.
                    tasks = [_vital(outbox.here.serve()), _vital(outbox.beat())]
            case Undecided():
                _apply(order.changes, outbox)
            case Beside():
                _run_beside(order, outbox)
            case Stop():
                await _stop(order.grace_s, outbox, writer, tasks)
                return
    os._exit(1)  # the prober is gone: there is nobody to run anything for


async def _adopt(order: Assignment, outbox: Outbox) -> None:
    open_logs(order.work.loaded)
    if outbox.here is None:
        outbox.here = Paced(outbox, order.region, order.wall_ahead_s)
    put_in_place = await outbox.here.prepare(order.work, order.since)
    outbox.send()  # under the generation that it came about in
    outbox.known = {check.id: check for check in order.work.checks}
    outbox.generation = order.generation
    put_in_place()
    _apply(dict.fromkeys(order.undecided, True), outbox)
    for check_id in outbox.known:
        outbox.note(check_id)


def _apply(changes: Mapping[str, bool], outbox: Outbox) -> None:
    for check_id, undecided in changes.items():
        if outbox.here is not None:
            outbox.here.set_undecided(check_id, undecided)
            outbox.note(check_id)


def _run_beside(order: Beside, outbox: Outbox) -> None:
    if outbox.here is not None and outbox.here.run_beside(order.check_id, order.run_id):
        outbox.note(order.check_id)  # nobody could tell otherwise that it was under way


async def _stop(grace_s: float, outbox: Outbox, writer: asyncio.StreamWriter, tasks: list[asyncio.Task[None]]) -> None:
    if outbox.here is not None:
        await outbox.here.stop(grace_s)
    for task in tasks:
        task.cancel()
    outbox.send()
    with suppress(ConnectionError):
        await writer.drain()
        writer.close()
        await writer.wait_closed()


def _vital(doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.ensure_future(doing)
    task.add_done_callback(_end_with)
    return task


def _end_with(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("an engine process broke off", exc_info=error)
        os._exit(1)
