"""Checks spread over engine processes; what runs in workers of its own anyway is run from here."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from prober.app.running import Listener, Workload
from prober.app.running.forks import Forks, open_environment
from prober.app.running.here import Here
from prober.app.running.process import EngineProcess
from prober.clock import Clock
from prober.config import Config, Loaded
from prober.engine import APART
from prober.journey.slots import PoolStats
from prober.shard import owner

LOOK_S = 1.0


class Spread:
    """A ``Runner`` over ``count`` engine processes."""

    def __init__(
        self, count: int, region: str, clock: Clock, environ: Mapping[str, str], listener: Listener, loaded: Loaded
    ) -> None:
        self._here = Here(region, clock, environ, listener)
        self._forks = Forks(open_environment(environ, loaded.secrets))
        ahead_s = self._here.scheduler.wall_ahead_s
        self._processes = [
            EngineProcess(number, region, self._forks, clock, listener, ahead_s) for number in range(count)
        ]
        self._keeping: list[asyncio.Task[None]] = []

    async def prepare(self, work: Workload) -> Callable[[], None]:
        if not self._keeping:
            self._forks.open()  # it takes a while to load, and may as well begin
        apart = tuple(check for check in work.checks if check.kind in APART)
        put_in_place_here = await self._here.prepare(replace(work, checks=apart))
        shares = [_share(work, number, len(self._processes)) for number in range(len(self._processes))]

        def put_in_place() -> None:
            put_in_place_here()
            for process, share in zip(self._processes, shares, strict=True):
                process.assign(share)
            if not self._keeping:
                self._keeping = [
                    asyncio.create_task(one.keep(), name=f"engine {one.number}") for one in self._processes
                ]

        return put_in_place

    async def serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._here.serve())
            group.create_task(self._watch())

    async def stop(self, grace_s: float) -> None:
        kept = zip(self._processes, self._keeping, strict=False)
        await asyncio.gather(self._here.stop(grace_s), *(process.stop(grace_s, task) for process, task in kept))
        await asyncio.to_thread(self._forks.close)

    def set_undecided(self, check_id: str, undecided: bool) -> None:
        self._here.set_undecided(check_id, undecided)  # which passes over what it does not run
        self._of(check_id).set_undecided(check_id, undecided)

    def run_beside(self, check_id: str, run_id: str) -> bool:
        return self._here.run_beside(check_id, run_id) or self._of(check_id).run_beside(check_id, run_id)

    def due_in_s(self, check_id: str) -> float | None:
        due_s = self._of(check_id).due_in_s(check_id)
        return self._here.due_in_s(check_id) if due_s is None else due_s

    @property
    def beat(self) -> float:
        return min(self._here.beat, *(process.beat for process in self._processes))

    @property
    def stall_worst_s(self) -> float:
        return max(self._here.stall_worst_s, *(process.stall_worst_s for process in self._processes))

    @property
    def restarts(self) -> int:
        return sum(process.restarts for process in self._processes)

    @property
    def pools(self) -> Mapping[str, PoolStats]:
        return self._here.pools

    def _of(self, check_id: str) -> EngineProcess:
        return self._processes[part_of(check_id, len(self._processes))]

    async def _watch(self) -> None:
        """End processes that are stuck, and raise what ended a task that keeps one, until cancelled."""
        while True:
            done, _ = await asyncio.wait(self._keeping, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            for process in self._processes:
                process.kill_if_stuck()


def part_of(check_id: str, count: int) -> int:
    """Which of ``count`` engine processes runs the check. Pure."""
    # Not by the id alone: of a shard's checks, which are chosen by that, one process would get them all.
    return owner(f"engine/{check_id}", count)


def _share(work: Workload, number: int, count: int) -> Workload:
    """What the process with that ``number`` is told of ``work``: its checks, and nothing that it has no use for."""
    config = work.loaded.config
    checks = tuple(check for check in work.checks if check.kind not in APART and part_of(check.id, count) == number)
    caps = {kind: math.ceil(most / count) for kind, most in config.caps().items() if kind not in APART}
    loaded = replace(
        work.loaded, config=Config(concurrency=caps, logs=config.logs), warnings=(), unresolved={}, files=()
    )
    return replace(work, loaded=loaded, checks=checks)
