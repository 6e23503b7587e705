"""The prober's side of browser checks: from a check to a job for the pool of browsers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from prober.faults import ProbeError
from prober.journey.attempts import run_attempts
from prober.journey.order import expected_of, find_declared, job_of
from prober.journey.pool import Pool, open_pool
from prober.journey.slots import MEBI, PoolStats, Upkeep
from prober.model import Observation, Reason
from prober.probes import Context, Pooled
from prober.probes.browser.profile import DEFAULT, PROFILES, network_of
from prober.probes.browser.spec import BrowserSettings, EngineName, Spec

COMMAND = ("-m", "prober.probes.browser.worker")
SEARCHED = ("PROBER_BROWSER_EXECUTABLE", "PLAYWRIGHT_BROWSERS_PATH", "PATH")
DISPLAY = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR")
BROWSER_BYTES = 384 * MEBI  # worker, driver and a Chromium with one simple page
DRIVER_BYTES = 128 * MEBI


class Pools:
    """A pool for every engine that checks ask for, opened when the first one does."""

    def __init__(self, stack: AsyncExitStack, settings: BrowserSettings, environ: Mapping[str, str]) -> None:
        self._stack = stack
        self._settings = settings
        self._environ = environ
        self._opened: dict[str, Pool] = {}
        self._opening = asyncio.Lock()

    async def pool_of(self, engine: EngineName | None) -> Pool:
        """The pool of ``engine``, by default the one the settings name."""
        settings = self._settings.for_engine(engine)
        async with self._opening:
            if settings.engine not in self._opened:
                opening = open_pool(
                    COMMAND, self._told(settings), self._environ, settings.slot_count(), self._upkeep(settings)
                )
                self._opened[settings.engine] = await self._stack.enter_async_context(opening)
            return self._opened[settings.engine]

    def stats(self) -> dict[str, PoolStats]:
        return {engine: pool.stats() for engine, pool in dict(self._opened).items()}

    def _told(self, settings: BrowserSettings) -> dict[str, Any]:
        """What a worker needs to get its browser, as plain values."""
        environ = self._environ
        given = () if settings.headless else DISPLAY
        if settings.engine != "chromium":
            given = (*given, "PLAYWRIGHT_BROWSERS_PATH")
        connect = {"connect": settings.connect.reveal()} if settings.connect else {}
        return {
            "settings": settings.model_dump() | connect,
            "environ": {name: environ[name] for name in SEARCHED if name in environ},
            "given": {name: environ[name] for name in given if name in environ},
        }

    def _upkeep(self, settings: BrowserSettings) -> Upkeep:
        return Upkeep(
            warm=settings.engine == self._settings.engine,
            pinned=settings.pinned,
            needed_bytes=DRIVER_BYTES if settings.connect else BROWSER_BYTES,
        )


@asynccontextmanager
async def open_probe(
    settings: BrowserSettings, environ: Mapping[str, str] | None = None, base: Path | None = None
) -> AsyncIterator[Pooled]:
    """The probe of browser checks; on exit every browser it started is ended.

    ``environ`` is what browsers are looked for in and journeys get their declared variables from, the process's own
    by default; journey files are taken from ``base``, by default the working directory.
    """
    known = dict(os.environ if environ is None else environ)
    async with AsyncExitStack() as stack:
        pools = Pools(stack, settings, known)
        await pools.pool_of(None)

        async def probe(spec: Spec, ctx: Context) -> Observation:
            declaration = find_declared(spec.journey, base or Path(), "browser")
            worn = PROFILES.get(spec.profile, PROFILES[DEFAULT])
            network = network_of(spec.throttle or worn.throttle, spec.block, spec.first_party)
            if network and settings.for_engine(spec.browser).engine != "chromium":
                raise ProbeError(Reason.INTERNAL, f"only Chromium can do this: {', '.join(network)}")
            job = job_of(
                declaration,
                params=spec.params,
                env=spec.env,
                environ=known,
                check_id=ctx.check_id,
                run_id=ctx.run_id,
                artifacts=ctx.artifacts,
                device=worn.device,
                network=network,
            )
            pool = await pools.pool_of(spec.browser)
            job = replace(job, recording=settings.evidence.model_dump(), expect=expected_of(spec))
            seen = await run_attempts(pool, job, declaration, ctx.remaining_s, ctx.log)
            return replace(seen, facts={**seen.facts, "profile": spec.profile})

        yield Pooled(probe, pools.stats)
