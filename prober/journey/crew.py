"""The workers of a pool: started in time, replaced before they wear out, ended with all they started."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prober.faults import ProbeError, classify, describe
from prober.journey.cores import granted_cores, share_out
from prober.journey.memory import tree_bytes
from prober.journey.process import Worker, WorkerGone
from prober.journey.slots import MEBI, REST_S, PoolStats, Slot, Slots, Upkeep
from prober.log import Log
from prober.model import Failure, Reason

START_S = 45.0  # for a worker that nobody waits for; one that a run waits for has that run's time

_log = Log(__name__)


class Loan:
    """A worker lent for one run; it is ended afterwards unless ``fit`` was set."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.fit = False


class Crew:
    """Lends ready workers, at most one a slot. Needs a running loop; ``close`` ends them all."""

    def __init__(
        self,
        command: Sequence[str],
        settings: Mapping[str, Any],
        environ: Mapping[str, str],
        slots: int,
        upkeep: Upkeep,
    ) -> None:
        self._command = tuple(command)
        self._settings = json.dumps(settings).encode() + b"\n"
        self._environ = environ
        self._upkeep = upkeep
        self._slots = Slots(share_out(granted_cores() if upkeep.pinned else frozenset(), slots))
        self._workers: set[Worker] = set()
        self._counts: Counter[str] = Counter()
        self._recycled: Counter[str] = Counter()
        self._start_s = self._start_total_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        if upkeep.warm:
            self._spawn(self._warm_up())
        self._spawn(self._tend())

    @asynccontextmanager
    async def lend(self, until: float, log: Log) -> AsyncIterator[Loan]:
        """A worker that is ready before monotonic ``until``; ended too when the run is cancelled.

        Raises ProbeError where there is none to be had.
        """
        slot = await self._next_free(until)
        fit = True
        try:
            loan = Loan(await self._ready_worker(slot, until, log))
            fit = False
            yield loan
            fit = loan.fit
        finally:
            # Shielded: a second cancellation must not leave a browser behind.
            await asyncio.shield(self._spawn(self._take_back(slot, fit)))

    def stats(self) -> PoolStats:
        """What the crew is and has done; cheap, and callable from any thread."""
        slots, free = self._slots.all, self._slots.free
        return PoolStats(
            slots=len(slots),
            busy=len(slots) - len(free),
            workers=len(self._workers),
            runs=self._counts["runs"],
            starts=self._counts["starts"],
            start_s=self._start_s,
            start_total_s=self._start_total_s,
            recycled=dict(self._recycled),
            refused=self._counts["refused"],
            memory_bytes=sum(slot.last_bytes for slot in slots),
        )

    async def close(self) -> None:
        """End every worker with all it started."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.kill() for worker in self._workers))
        self._workers.clear()

    # Lending.

    async def _next_free(self, until: float) -> Slot:
        try:
            async with asyncio.timeout_at(loop_time(until)):
                return await self._slots.take()
        except TimeoutError:
            raise ProbeError(Reason.INTERNAL, "no worker was free in time; give the pool more slots") from None

    async def _ready_worker(self, slot: Slot, until: float, log: Log) -> Worker:
        if slot.worker is not None and slot.worker.alive:
            return slot.worker
        if slot.worker is not None:
            await self._discard(slot, "gone")
        worker = await self._start(slot, until, log)
        slot.fill(worker, self._upkeep)
        return worker

    async def _take_back(self, slot: Slot, fit: bool) -> None:
        """Free ``slot``, or go on to fill it anew; an unfit worker is ended before anything else."""
        lost = not fit and slot.worker is not None
        if slot.worker is not None:
            self._counts["runs"] += 1
            slot.worker.runs += 1
        if lost:
            await self._discard(slot, "unfit")
        reason = slot.worn(self._upkeep)
        if not self._closing and (reason or (lost and self._upkeep.warm)):
            self._spawn(self._renew(slot, reason))
        else:
            self._slots.give_back(slot)

    # Replacing.

    async def _warm_up(self) -> None:
        slot = await self._slots.take()
        await self._renew(slot, None)

    async def _tend(self) -> None:
        """Look at idle workers now and then; those that are worn or gone are replaced."""
        while True:
            await asyncio.sleep(self._upkeep.look_every_s)
            for slot in self._slots.free:
                await self._look_at(slot)
                if (reason := slot.worn(self._upkeep)) and await self._slots.take_this(slot):
                    await self._renew(slot, reason)

    async def _look_at(self, slot: Slot) -> None:
        worker = slot.worker
        if worker is None or not worker.alive or slot.looked_at_runs == worker.runs:
            return
        runs = worker.runs
        size_bytes = await asyncio.to_thread(tree_bytes, worker.pid)
        if slot.worker is worker and worker.runs == runs and slot in self._slots.free:
            slot.note(size_bytes, runs)

    async def _renew(self, slot: Slot, reason: str | None) -> None:
        """Fill a slot we hold, then free it. The former worker stays until the new one is ready, or where none is."""
        try:
            fresh = await self._start_unasked(slot, make_room=reason == "memory")
            former = slot.fill(fresh, self._upkeep)
            await self._end(former, reason)
        except ProbeError as error:
            slot.rests_until = time.monotonic() + REST_S
            _log.info("no worker could be started ahead of its run", reason=error.reason, message=error.message)
        finally:
            self._slots.give_back(slot)

    async def _start_unasked(self, slot: Slot, *, make_room: bool) -> Worker:
        until = time.monotonic() + START_S
        try:
            return await self._start(slot, until, _log)
        except ProbeError as error:
            if error.reason is not Reason.OUT_OF_MEMORY or not make_room:
                raise
        await self._discard(slot, "memory")  # there is no room for both
        return await self._start(slot, until, _log)

    # Starting and ending.

    async def _start(self, slot: Slot, until: float, log: Log) -> Worker:
        await self._admit()
        started, killed = time.monotonic(), self._upkeep.oom_kills()
        try:
            worker = await self._launch(slot, until)
        except ProbeError as error:
            if self._upkeep.killed_since(killed):
                failure = out_of_memory(error.message)
                raise ProbeError(failure.reason, failure.message) from None
            raise
        self._counts["starts"] += 1
        self._start_s = time.monotonic() - started
        self._start_total_s += self._start_s
        for warning in worker.facts.pop("warnings", ()):
            log.warning(warning)
        return worker

    async def _launch(self, slot: Slot, until: float) -> Worker:
        """A worker that can take a job; one that cannot is ended. Raises ProbeError."""
        try:
            worker = await Worker.start(self._command, self._environ, slot.cores)
        except OSError as error:
            raise ProbeError(classify(error), f"no worker process could be started: {describe(error)}") from None
        self._workers.add(worker)
        ready = False
        try:
            async with asyncio.timeout_at(loop_time(until)):
                worker.send(self._settings)
                await worker.ready()
            ready = True
        except TimeoutError:
            raise ProbeError(Reason.NO_BROWSER, "the worker was not ready in time") from None
        except WorkerGone as gone:
            raise ProbeError(Reason.INTERNAL, f"the worker ended while it started: {gone}") from None
        finally:
            if not ready:
                await asyncio.shield(self._end(worker))
        return worker

    async def _admit(self) -> None:
        needed = self._upkeep.needed_bytes
        left = await asyncio.to_thread(self._upkeep.headroom)
        if left < needed:
            self._counts["refused"] += 1
            message = f"not enough memory: starting it takes {needed // MEBI} MiB and {left // MEBI} MiB are left"
            raise ProbeError(Reason.OUT_OF_MEMORY, message)

    async def _discard(self, slot: Slot, reason: str) -> None:
        await self._end(slot.fill(None, self._upkeep), reason)

    async def _end(self, worker: Worker | None, reason: str | None = None) -> None:
        if worker is None:
            return
        if reason:
            self._recycled[reason] += 1
        await worker.kill()
        self._workers.discard(worker)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def out_of_memory(message: str) -> Failure:
    """The failure of a run during which the kernel killed for want of memory, told beside what was seen of it."""
    return Failure(Reason.OUT_OF_MEMORY, f"the system ran out of memory and the kernel killed a process; {message}")


def loop_time(monotonic: float) -> float:
    """A monotonic time on the running loop's clock, which may count from another zero (uvloop's does)."""
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()
