"""One engine process as the prober sees it: kept running, told what to run, heard of."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Mapping

from prober.app.running import Listener, Workload
from prober.app.running.forks import Forks
from prober.app.running.wire import Assignment, Beside, Hello, Order, Report, Stop, Undecided, hear, packed, result_of
from prober.clock import Clock
from prober.faults import describe
from prober.log import Log
from prober.model import Check

STUCK_S = 30.0
SETTLED_S = 30.0  # one that lived this long has not failed at its start
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0
PATIENCE_S = 2.0  # beyond the grace that its runs are given

_log = Log(__name__)


class EngineProcess:
    """Keeps one process running its share of the checks; a process that ends is followed by another."""

    def __init__(
        self, number: int, region: str, forks: Forks, clock: Clock, listener: Listener, wall_ahead_s: float | None
    ) -> None:
        self.number = number
        self.restarts = 0
        self.stall_worst_s = 0.0
        self.beat = clock.monotonic()
        """When it last looked at its slots; stands still while it is stuck, and while there is none."""
        self._region = region
        self._forks = forks
        self._clock = clock
        self._listener = listener
        self._wall_ahead_s = wall_ahead_s
        self._generation = 0
        self._work: Workload | None = None
        self._known: dict[int, Mapping[str, Check]] = {}
        """By generation: what was sent, as long as results may still be of it."""
        self._stands: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._undecided: set[str] = set()
        self._changes: dict[str, bool] = {}
        self._pid: int | None = None
        self._begun_at = 0.0
        self._writer: asyncio.StreamWriter | None = None
        self._stopping = False

    def assign(self, work: Workload) -> None:
        """Have it run ``work`` from now on."""
        checks = {check.id: check for check in work.checks}
        self._work = work
        self._generation += 1
        self._known[self._generation] = checks
        for kept in (self._stands, self._since):
            for gone in kept.keys() - checks.keys():
                del kept[gone]
        self._undecided &= checks.keys()
        self._send_work({})

    def set_undecided(self, check_id: str, undecided: bool) -> None:
        """As of ``Runner``; called for every state that is committed, and of most there is nothing to say."""
        if (check_id in self._undecided) is undecided or check_id not in self._known.get(self._generation, ()):
            return
        (self._undecided.add if undecided else self._undecided.discard)(check_id)
        if not self._changes:
            asyncio.get_running_loop().call_soon(self._send_changes)
        self._changes[check_id] = undecided

    def run_beside(self, check_id: str, run_id: str) -> bool:
        """As of ``Runner``."""
        if self._writer is None or check_id not in self._known.get(self._generation, ()):
            return False
        self._send(Beside(check_id, run_id))
        return True

    def due_in_s(self, check_id: str) -> float | None:
        """As of ``Runner``."""
        at = self._stands.get(check_id)
        due_s = None if at is None else at - self._clock.monotonic()
        return due_s if due_s is not None and due_s > 0 else None  # one that is not later is under way

    async def keep(self) -> None:
        """Keep one running until told to stop."""
        early = 0
        while not self._stopping:
            self._begun_at = self._clock.monotonic()
            await self._live()
            if self._stopping:
                return
            now = self._clock.monotonic()
            self.restarts += 1
            early = early + 1 if now - self._begun_at < SETTLED_S else 0
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (early - 2)) if early > 1 else 0.0
            _log.error("an engine process has ended", engine=self.number, lost_runs=self._mourn(now), pause_s=pause_s)
            await asyncio.sleep(pause_s)

    def kill_if_stuck(self) -> None:
        """End one that no longer looks at its slots: another one will."""
        if self._pid is not None and self._clock.monotonic() - max(self.beat, self._begun_at) > STUCK_S:
            _log.error("an engine process is stuck", engine=self.number)
            self.kill()

    def kill(self) -> None:
        """End it now."""
        if self._pid is not None:  # as long as its line stands there is a process, and it is this one
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    async def stop(self, grace_s: float, keeping: asyncio.Task[None]) -> None:
        """Have it end as a scheduler does, for a while longer than that takes; ``keeping`` is the task of ``keep``."""
        self._stopping = True
        self._send(Stop(grace_s))
        if self._writer is None:
            keeping.cancel()
        await asyncio.wait({keeping}, timeout=grace_s + PATIENCE_S)
        if not keeping.done():
            self.kill()
            keeping.cancel()
            self._mourn(self._clock.monotonic())
        await asyncio.wait({keeping})

    async def _live(self) -> None:
        """One process from its start to its end."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._forks.start(theirs)
        except OSError as error:
            ours.close()
            _log.error("no engine process can be started", engine=self.number, error=describe(error))
            return
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            while (word := await hear(reader)) is not None:
                match word:
                    case Hello():
                        self._pid, self._writer = word.pid, writer
                        _log.info("an engine process runs", engine=self.number, pid=word.pid)
                        self._known = {self._generation: self._known.get(self._generation, {})}
                        self._send_work(self._since)
                    case Report():
                        self._hear(word)
        finally:
            self._pid = self._writer = None
            writer.close()

    def _hear(self, report: Report) -> None:
        for generation in [known for known in self._known if known < report.generation]:
            del self._known[generation]
        known, loop = self._known.get(report.generation, {}), asyncio.get_running_loop()
        for check_id, facts in report.results:
            if (check := known.get(check_id)) is not None:
                # Each on its own: what one runs into must not keep the others from being taken.
                loop.call_soon(self._listener.take, check, result_of(check, self._region, facts), _nothing)
        for lag_s in report.lags:
            self._listener.observe_lag(lag_s)
        for check_id, n in report.missed:
            self._listener.count_missed(check_id, n)
        for check_id in report.cancelled:
            self._listener.count_cancelled(check_id)
        for check_id, at in report.stands.items():
            if at is None or check_id not in known:
                self._stands.pop(check_id, None)
            else:
                self._stands[check_id] = at
        self.beat = max(self.beat, report.beat)
        self.stall_worst_s = max(self.stall_worst_s, report.stall_worst_s)

    def _mourn(self, now: float) -> int:
        """Count the runs that ended with the process and have no result; how many there were."""
        lost = [check_id for check_id, at in self._stands.items() if at <= now]
        for check_id in lost:
            self._listener.count_cancelled(check_id)
        self._since |= {check_id: min(at, now) for check_id, at in self._stands.items()}
        self._stands.clear()
        return len(lost)

    def _send_work(self, since: Mapping[str, float]) -> None:
        if self._work is not None:
            undecided = frozenset(self._undecided)
            self._changes.clear()
            self._send(
                Assignment(self._generation, self._region, self._work, self._wall_ahead_s, dict(since), undecided)
            )

    def _send_changes(self) -> None:
        changes, self._changes = self._changes, {}
        if changes:
            self._send(Undecided(changes))

    def _send(self, order: Order) -> None:
        if self._writer is not None:  # who comes next is told all of it
            self._writer.write(packed(order))


def _nothing() -> None:
    """Its process has begun the next run on its own."""
