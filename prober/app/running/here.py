"""Checks run in this process: a scheduler, and the engine in use, which a reload may replace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from prober.app.assemble import open_engine
from prober.app.pools import pools_of
from prober.app.running import Listener, Workload
from prober.clock import Clock
from prober.engine import Engine
from prober.journey.slots import PoolStats
from prober.log import Log
from prober.model import Check, Result
from prober.probes import Flight
from prober.schedule import Scheduler
from prober.selfwatch import LoopWatch

_log = Log(__name__)


@dataclass(slots=True)
class _InUse:
    """An engine and what closes it."""

    engine: Engine
    resources: AsyncExitStack
    key: object


class Here:
    """A ``Runner`` on the loop of this process."""

    restarts = 0

    def __init__(
        self,
        region: str,
        clock: Clock,
        environ: Mapping[str, str],
        listener: Listener,
        wall_ahead_s: float | None = None,
    ) -> None:
        self._region = region
        self._clock = clock
        self._environ = environ
        self._listener = listener
        self._loop_watch = LoopWatch(clock)
        self._in_use: _InUse | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.scheduler = Scheduler(
            clock, self._run, listener.count_missed, begin=self._begin, wall_ahead_s=wall_ahead_s
        )

    async def prepare(self, work: Workload, since: Mapping[str, float] | None = None) -> Callable[[], None]:
        """``since`` as of ``Scheduler.update``."""
        old, key = self._in_use, _engine_key(work)
        fresh = old if old is not None and old.key == key else await self._open(work, key)

        def put_in_place() -> None:
            self._in_use = fresh
            if old is not None and fresh is not old:
                task = asyncio.create_task(_close_when_idle(old))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            self.scheduler.region_index, self.scheduler.regions = work.region_index, work.regions
            self.scheduler.update(work.checks, since or {})

        return put_in_place

    async def serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.scheduler.serve())
            group.create_task(self._loop_watch.watch())

    async def stop(self, grace_s: float) -> None:
        for check_id in await self.scheduler.stop(grace_s):
            self._listener.count_cancelled(check_id)
            _log.warning("a run was cancelled", check=check_id)
        if self._in_use is not None:
            await self._in_use.resources.aclose()
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def set_undecided(self, check_id: str, undecided: bool) -> None:
        self.scheduler.set_undecided(check_id, undecided)

    def run_beside(self, check_id: str, run_id: str) -> bool:
        return self.scheduler.run_beside(check_id, lambda check: self._run_beside(check, run_id))

    def due_in_s(self, check_id: str) -> float | None:
        return self.scheduler.due_in_s(check_id)

    @property
    def beat(self) -> float:
        return self.scheduler.beat

    @property
    def stall_worst_s(self) -> float:
        return self._loop_watch.worst_s

    @property
    def pools(self) -> Mapping[str, PoolStats]:
        return pools_of(self._in_use.engine.probes) if self._in_use is not None else {}

    # A run's way.

    async def _run(self, check: Check, slot: float, until: float) -> bool:
        result = await self._engine.run_slot(check, slot, until, self._listener.observe_lag)
        if result is None:
            return False
        ended = asyncio.Event()
        self._listener.take(check, result, ended.set)
        await ended.wait()
        return True

    async def _run_beside(self, check: Check, run_id: str) -> None:
        now = self._clock.monotonic()
        result = await self._engine.run_slot(check, now, now + check.timeout, _nobody, run_id)
        if result is not None:
            ended = asyncio.Event()
            self._listener.take(check, result, ended.set)
            await ended.wait()

    def _begin(self, check: Check, slot: float, ended: Callable[[], None]) -> Flight | None:
        def take(result: Result) -> None:
            self._listener.take(check, result, ended)

        return self._engine.begin(check, slot, self._listener.observe_lag, take)

    @property
    def _engine(self) -> Engine:
        if self._in_use is None:
            raise RuntimeError("there are no slots before there is an engine")
        return self._in_use.engine

    async def _open(self, work: Workload, key: object) -> _InUse:
        loaded, resources = work.loaded, AsyncExitStack()
        engine = await resources.enter_async_context(
            open_engine(
                loaded,
                {check.kind for check in work.checks},
                self._region,
                self._clock,
                self._environ,
                artifacts=loaded.base / loaded.config.artifacts.dir,
                stalled_since=self._loop_watch.stalled_since,
            )
        )
        return _InUse(engine, resources, key)


def _nobody(lag_s: float) -> None:
    """What is asked for beside the slots is never late."""


def _engine_key(work: Workload) -> object:
    """What an engine was built of: another one is needed when it is not the same."""
    config = work.loaded.config
    kinds = frozenset(check.kind for check in work.checks)
    return kinds, config.browser, config.concurrency, config.artifacts, frozenset(work.loaded.secrets)


async def _close_when_idle(old: _InUse) -> None:
    try:
        await old.engine.idle()
    finally:  # also when the prober stops before that
        await old.resources.aclose()
