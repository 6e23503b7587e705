"""Slots for journeys: a warm worker process each, one journey at a time, and the deadline held from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from prober.journey.crew import Crew, loop_time, out_of_memory
from prober.journey.home import remove_orphans
from prober.journey.process import Worker, WorkerGone
from prober.journey.slots import PoolStats, Upkeep
from prober.journey.wire import Job, Ledger
from prober.log import Log
from prober.model import Failure, Observation, Reason

MARGIN_S = 1.0  # before the deadline: what it takes to end a process tree and still hand in a result

_FOUND_DEAD = frozenset({Reason.BROWSER_CRASH, Reason.INTERNAL})
_ENDED_BY_FORCE = frozenset({Reason.BROWSER_CRASH, Reason.PAGE_CRASH, Reason.INTERNAL})


class Pool:
    """Runs jobs in worker processes, one at a time in each; use ``open_pool``."""

    def __init__(self, crew: Crew, upkeep: Upkeep) -> None:
        self._crew = crew
        self._upkeep = upkeep
        self._sessions: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._kills = 0

    async def run(self, job: Job, within_s: float, log: Log) -> Observation:
        """Run ``job`` and be back ``within_s`` seconds later, whatever it does.

        Raises ProbeError where no run took place: no worker, no browser, no memory for one.
        """
        until = time.monotonic() + within_s - min(MARGIN_S, 0.1 * within_s)
        ledger = Ledger()
        seen = await self._run_once(job, until, ledger, log)
        if not ledger.begun and seen.failure and seen.failure.reason in _FOUND_DEAD:
            # Nothing of the journey ran yet, so that this is no second try of it.
            log.info("the worker was found dead; another one takes the journey", message=seen.failure.message)
            seen = await self._run_once(job, until, Ledger(), log)
        return seen

    def stats(self) -> PoolStats:
        """What the pool is and has done; cheap, and callable from any thread."""
        return replace(self._crew.stats(), kills=self._kills)

    async def _run_once(self, job: Job, until: float, ledger: Ledger, log: Log) -> Observation:
        async with self._crew.lend(until, log) as loan:
            worker, started, killed = loan.worker, time.monotonic(), self._upkeep.oom_kills()
            asked = replace(job, budget_s=until - started, sessions=self._sessions.get(job.check_id, {}))
            loan.fit = await self._converse(worker, asked, ledger, until) and not ledger.retire
            self._blame_memory(ledger, killed)
            self._keep_sessions(job, ledger)
            ledger.facts = {**worker.facts, **ledger.facts}
            if ledger.failure and (output := worker.output().strip()):
                log.info("the journey printed", output=output[-2000:])
            return ledger.observation(time.monotonic() - started)

    async def _converse(self, worker: Worker, job: Job, ledger: Ledger, until: float) -> bool:
        """Take the events of one run until it is done; one that does not end itself is cut at monotonic ``until``."""
        try:
            worker.send(job.line())
            async with asyncio.timeout_at(loop_time(until)):
                while not ledger.take(await worker.event(), time.monotonic()):
                    pass
        except TimeoutError:
            self._kills += 1
            problem = Failure(Reason.DEADLINE, "still running at the deadline; ended with its whole process tree")
        except WorkerGone as gone:
            problem = Failure(Reason.INTERNAL, f"the worker process ended: {gone}")
        except (KeyError, TypeError, ValueError) as error:
            problem = Failure(Reason.INTERNAL, f"the worker process spoke no protocol: {error}")
        else:
            return True
        ledger.cut(problem, time.monotonic())
        return False

    def _blame_memory(self, ledger: Ledger, killed: int | None) -> None:
        """A crash during which the kernel killed somebody of ours for want of memory was none of the target's doing."""
        failure = ledger.failure
        if failure and failure.reason in _ENDED_BY_FORCE and self._upkeep.killed_since(killed):
            ledger.failure = out_of_memory(failure.message)

    def _keep_sessions(self, job: Job, ledger: Ledger) -> None:
        """Log-ins outlive workers here, in memory; a run that failed may have failed by them."""
        if ledger.failure:
            self._sessions.pop(job.check_id, None)
        elif ledger.sessions:
            self._sessions[job.check_id] = {**self._sessions.get(job.check_id, {}), **ledger.sessions}


@asynccontextmanager
async def open_pool(
    command: Sequence[str],
    settings: Mapping[str, Any],
    environ: Mapping[str, str],
    slots: int,
    upkeep: Upkeep | None = None,
) -> AsyncIterator[Pool]:
    """A pool of workers started as ``python COMMAND``, told ``settings`` first; on exit all of them are ended.

    What a killed prober left behind is removed first.
    """
    await asyncio.to_thread(remove_orphans)
    upkeep = upkeep or Upkeep()
    crew = Crew(command, settings, environ, slots, upkeep)
    try:
        yield Pool(crew, upkeep)
    finally:
        await crew.close()
