"""Slots for journeys: a warm worker process each, one journey at a time, and the deadline held from outside."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import structlog

from prober.faults import ProbeError
from prober.journey.home import remove_orphans
from prober.journey.process import Worker, WorkerGone
from prober.journey.wire import Job, Ledger
from prober.model import Failure, Observation, Reason

RUNS_PER_WORKER = 50
MARGIN_S = 1.0  # before the deadline: what it takes to end a process tree and still hand in a result


class Pool:
    """Runs jobs in worker processes, at most ``slots`` at once; use ``open_pool``."""

    def __init__(
        self, command: Sequence[str], settings: Mapping[str, Any], environ: Mapping[str, str], slots: int
    ) -> None:
        self._command = tuple(command)
        self._settings = json.dumps(settings).encode() + b"\n"
        self._environ = environ
        self._workers: set[Worker] = set()
        # The worker used last is taken first; None stands for a slot without one.
        self._idle: asyncio.LifoQueue[Worker | None] = asyncio.LifoQueue()
        for _ in range(slots):
            self._idle.put_nowait(None)

    async def run(
        self, job: Job, within_s: float, log: structlog.typing.FilteringBoundLogger, *, again: bool = False
    ) -> Observation:
        """Run ``job`` and be back ``within_s`` seconds, whatever it does; ``again`` allows a second try after a crash.

        Raises ProbeError where no run took place: no slot, no worker, no browser.
        """
        until = time.monotonic() + within_s - min(MARGIN_S, 0.1 * within_s)
        seen = await self._run_once(job, until, log)
        crashed = seen.failure is not None and seen.failure.reason is Reason.BROWSER_CRASH
        if again and crashed and until - time.monotonic() > within_s / 2:
            log.warning("the browser crashed; running the journey again, as it is idempotent")
            return await self._run_once(job, until, log)
        return seen

    async def close(self) -> None:
        """End every worker with all it started."""
        await asyncio.gather(*(worker.kill() for worker in self._workers))
        self._workers.clear()

    async def _run_once(self, job: Job, until: float, log: structlog.typing.FilteringBoundLogger) -> Observation:
        async with self._slot(until, log) as (worker, ledger):
            started = time.monotonic()
            await _converse(worker, replace(job, budget_s=until - started), ledger, until)
            worker.runs += 1
            ledger.facts = {**worker.facts, **ledger.facts}
            if ledger.failure and (output := worker.output().strip()):
                log.info("the journey printed", output=output[-2000:])
            return ledger.observation(time.monotonic() - started)

    @asynccontextmanager
    async def _slot(
        self, until: float, log: structlog.typing.FilteringBoundLogger
    ) -> AsyncIterator[tuple[Worker, Ledger]]:
        """A worker that is ready, given back or ended afterwards: ended too when the run is cancelled."""
        worker, ledger = await self._next_free(until), Ledger()
        ledger.retire = True
        try:
            if worker is None or not worker.alive:
                await self._end(worker)
                worker = None
                worker = await self._start(until, log)
            yield worker, ledger
        finally:
            try:
                if worker is not None and (ledger.retire or worker.runs >= RUNS_PER_WORKER):
                    ended, worker = worker, None
                    # Shielded: a second cancellation must not leave a browser behind.
                    await asyncio.shield(self._end(ended))
            finally:
                self._idle.put_nowait(worker)

    async def _next_free(self, until: float) -> Worker | None:
        try:
            async with asyncio.timeout_at(_loop_time(until)):
                return await self._idle.get()
        except TimeoutError:
            raise ProbeError(Reason.INTERNAL, "no worker was free in time; give the pool more slots") from None

    async def _start(self, until: float, log: structlog.typing.FilteringBoundLogger) -> Worker:
        started = time.monotonic()
        worker = await Worker.start(self._command, self._environ)
        self._workers.add(worker)
        try:
            async with asyncio.timeout_at(_loop_time(until)):
                worker.send(self._settings)
                await worker.ready()
        except TimeoutError:
            await asyncio.shield(self._end(worker))
            message = f"the worker was not ready within {time.monotonic() - started:.1f}s"
            raise ProbeError(Reason.NO_BROWSER, message) from None
        except WorkerGone as gone:
            await asyncio.shield(self._end(worker))
            raise ProbeError(Reason.INTERNAL, f"the worker ended while it started: {gone}") from None
        except (ProbeError, asyncio.CancelledError):
            await asyncio.shield(self._end(worker))
            raise
        for warning in worker.facts.pop("warnings", ()):
            log.warning(warning)
        return worker

    async def _end(self, worker: Worker | None) -> None:
        if worker is not None:
            self._workers.discard(worker)
            await worker.kill()


@asynccontextmanager
async def open_pool(
    command: Sequence[str], settings: Mapping[str, Any], environ: Mapping[str, str], slots: int
) -> AsyncIterator[Pool]:
    """A pool of workers started as ``python COMMAND``, told ``settings`` first; on exit all of them are ended.

    What a killed prober left behind is removed first.
    """
    await asyncio.to_thread(remove_orphans)
    pool = Pool(command, settings, environ, slots)
    try:
        yield pool
    finally:
        await pool.close()


async def _converse(worker: Worker, job: Job, ledger: Ledger, until: float) -> None:
    """Take the events of one run until it is done; where it does not end itself, it is cut at monotonic ``until``."""
    try:
        worker.send(job.line())
        async with asyncio.timeout_at(_loop_time(until)):
            while not ledger.take(await worker.event(), time.monotonic()):
                pass
    except TimeoutError:
        problem = Failure(Reason.DEADLINE, "still running at the deadline; ended with its whole process tree")
    except WorkerGone as gone:
        problem = Failure(Reason.INTERNAL, f"the worker process ended: {gone}")
    except (KeyError, TypeError, ValueError) as error:
        problem = Failure(Reason.INTERNAL, f"the worker process spoke no protocol: {error}")
    else:
        return
    ledger.cut(problem, time.monotonic())
    ledger.retire = True


def _loop_time(monotonic: float) -> float:
    # An event loop may count from another zero (uvloop does).
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()
