"""What a browser check and the config's ``browser`` section may say. Nothing here needs Playwright."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import psutil
from pydantic import Field

from prober.judge import BrowserExpect
from prober.model import Check, Duration, Strict

BYTES_PER_SLOT = 1 << 30

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class BrowserSettings(Strict):
    """The browsers that journeys run in."""

    executable: str | None = None
    """Path of a Chromium or Chrome; without it PROBER_BROWSER_EXECUTABLE, Playwright's own, then the system's."""
    slots: Annotated[int, Field(ge=1, le=64)] | None = None
    """Journeys at a time, each with a browser of its own; by default one less than the cores, 1 GiB of memory each."""
    sandbox: Literal["auto", "on", "off"] = "auto"
    """Chromium's sandbox: auto has it on, except for root, for whom Chromium refuses it."""
    args: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """More command line arguments for the browser."""
    headless: bool = True
    """false shows the browser's window."""

    def slot_count(self) -> int:
        """The number of slots asked for, or what this machine can bear."""
        if self.slots is not None:
            return self.slots
        return max(1, min((os.cpu_count() or 1) - 1, psutil.virtual_memory().total // BYTES_PER_SLOT))


class Spec(Check):
    """A journey in a real browser: does what its file says, step by step, and measures every page on the way."""

    kind: Literal["browser"] = "browser"
    """What the check speaks: browser."""
    journey: Annotated[str, Field(min_length=1)]
    """The journey's file, such as checks/purchase.py; ``FILE::name`` chooses one of several."""
    params: dict[str, str | int | float | bool] = {}
    """Values for the journey's ``params``."""
    env: Annotated[tuple[Variable, ...], Field(strict=False)] = ()
    """Environment variables the journey is given, beside those its decorator names; their values are masked."""
    interval: Annotated[Duration, Field(ge=0.1, le=30 * 86_400)] = 300.0
    """Time between the starts of two runs, on fixed slots."""
    timeout: Annotated[Duration, Field(ge=1, le=3600)] = 60.0
    """One absolute deadline over the whole run, the browser's start included; must not exceed the interval."""
    expect: BrowserExpect = BrowserExpect()
    """Budgets on vitals and steps."""

    @property
    def target(self) -> str:
        return self.journey
