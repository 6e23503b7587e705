"""pytest files as checks: tests written for pytest-playwright, run as they are, each test a step with its vitals.

pytest is needed where such checks run, pytest-playwright is not: without it its fixtures are ours.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from prober.faults import ProbeError
from prober.journey.declaration import Declaration
from prober.journey.order import expected_of, job_of
from prober.journey.pool import open_pool
from prober.judge import BrowserExpect
from prober.model import Check, Duration, Observation, Reason
from prober.probes import Context, Pooled
from prober.probes.browser.spec import BrowserSettings, Variable

COMMAND = ("-m", "prober.probes.browser.pytests.worker")
PLACES = 4  # the engine's cap is what holds
SEARCHED = ("PROBER_BROWSER_EXECUTABLE", "PLAYWRIGHT_BROWSERS_PATH", "PATH")
DISPLAY = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR")


class Spec(Check):
    """A pytest file, its tests in a real browser: each test is a step, and every page on the way is measured."""

    kind: Literal["pytest"] = "pytest"
    """What the check speaks: pytest."""
    file: Annotated[str, Field(min_length=1)]
    """The file, such as tests/test_shop.py; ``FILE::test_name`` chooses one test."""
    env: Annotated[tuple[Variable, ...], Field(strict=False)] = ()
    """Environment variables the tests are given; their values are masked."""
    interval: Annotated[Duration, Field(ge=0.1, le=30 * 86_400)] = 300.0
    """Time between the starts of two runs, on fixed slots."""
    timeout: Annotated[Duration, Field(ge=1, le=3600)] = 120.0
    """One absolute deadline over all tests, the browser's start included; must not exceed the interval."""
    expect: BrowserExpect = BrowserExpect()
    """Budgets on vitals and on tests (``step:test_name``)."""

    @property
    def address_text(self) -> str:
        return self.file


@asynccontextmanager
async def open_probe(
    settings: BrowserSettings,
    environ: Mapping[str, str] | None = None,
    base: Path | None = None,
    slots: int = PLACES,
) -> AsyncIterator[Pooled]:
    """The probe of pytest files; they start a browser of their own each, which ends with them."""
    known = dict(os.environ if environ is None else environ)
    given = SEARCHED if settings.headless else (*SEARCHED, *DISPLAY)
    told = {
        "settings": settings.model_dump(exclude={"connect"}),
        "environ": {name: known[name] for name in given if name in known},
    }
    async with open_pool(COMMAND, told, known, slots) as pool:

        async def probe(spec: Spec, ctx: Context) -> Observation:
            file, _, test = spec.file.partition("::")
            place = (base or Path()) / file
            if not place.is_file():
                raise ProbeError(Reason.SCRIPT_ERROR, f"{file}: no such file")
            job = job_of(
                Declaration(spec.id, "run_tests", ("tests",), Path(__file__).with_name("journey.py"), 0),
                params={"file": str(place.resolve()), "test": test},
                env=spec.env,
                environ=known,
                check_id=ctx.check_id,
                run_id=ctx.run_id,
                artifacts=ctx.artifacts,
            )
            job = replace(job, recording=settings.evidence.model_dump(), expect=expected_of(spec))
            return await pool.run(job, ctx.remaining_s(), ctx.log)

        yield Pooled(probe, lambda: {"pytest": pool.stats()})
