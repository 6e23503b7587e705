"""The prober's side of browser checks: from a check to a job for the pool of browsers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from prober.journey.order import find_declared, job_of
from prober.journey.pool import open_pool
from prober.model import Observation
from prober.probes import Context, Probe
from prober.probes.browser.spec import BrowserSettings, Spec

COMMAND = ("-m", "prober.probes.browser.worker")
SEARCHED = ("PROBER_BROWSER_EXECUTABLE", "PLAYWRIGHT_BROWSERS_PATH", "PATH")
DISPLAY = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR")


@asynccontextmanager
async def open_probe(
    settings: BrowserSettings, environ: Mapping[str, str] | None = None, base: Path | None = None
) -> AsyncIterator[Probe]:
    """The probe of browser checks; on exit every browser it started is ended.

    ``environ`` is what browsers are looked for in and journeys get their declared variables from, the process's own
    by default; journey files are taken from ``base``, by default the working directory.
    """
    known = dict(os.environ if environ is None else environ)
    told = {
        "settings": settings.model_dump(),
        "environ": {name: known[name] for name in SEARCHED if name in known},
        "display": {} if settings.headless else {name: known[name] for name in DISPLAY if name in known},
    }
    async with open_pool(COMMAND, told, known, settings.slot_count()) as pool:

        async def probe(spec: Spec, ctx: Context) -> Observation:
            declaration = find_declared(spec.journey, base or Path(), "browser")
            job = job_of(
                declaration,
                params=spec.params,
                env=spec.env,
                environ=known,
                check_id=ctx.check_id,
                run_id=ctx.run_id,
                artifacts=ctx.artifacts,
            )
            return await pool.run(job, ctx.remaining_s(), ctx.log, again=declaration.idempotent)

        yield probe
