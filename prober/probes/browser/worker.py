"""The worker of browser journeys: one warm browser, a new context for every run. Run as ``python -m``."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from prober.faults import ProbeError, describe
from prober.journey.host import Act, serve
from prober.journey.run import Emit
from prober.journey.wire import Job
from prober.model import Reason
from prober.probes.browser.act import open_act
from prober.probes.browser.launch import get_browser
from prober.probes.browser.spec import BrowserSettings

WARM_UP_S = 20.0
CLOSE_S = 3.0


class Warm:
    """A running browser, as a journey's stage."""

    def __init__(self, playwright: Playwright, browser: Browser, user_agent: str, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self._playwright = playwright
        self._browser = browser
        self._user_agent = user_agent
        self._acting = False
        browser.on("disconnected", self._on_disconnected)

    @asynccontextmanager
    async def act(self, job: Job, emit: Emit) -> AsyncIterator[Act]:
        options = self._emulation(job)
        agent = f"{options.get('user_agent', self._user_agent)} {job.user_agent}"
        self._acting = True
        try:
            async with open_act(self._browser, job, emit, {**options, "user_agent": agent}) as act:
                yield act
        finally:
            self._acting = False

    def _on_disconnected(self, _: Browser) -> None:
        # While a journey runs, it tells of it. Between two, the prober must not send us another one.
        if not self._acting:
            sys.stderr.write("the browser ended while it was idle\n")
            sys.stderr.flush()
            os._exit(1)

    def _emulation(self, job: Job) -> dict[str, Any]:
        wanted, options = job.emulation, dict[str, Any]()
        if device := wanted.get("device"):
            if device not in self._playwright.devices:
                raise ProbeError(Reason.SCRIPT_ERROR, f"Playwright knows no device {device!r}")
            options = dict(self._playwright.devices[device])
            options.pop("default_browser_type", None)
        if viewport := wanted.get("viewport"):
            options["viewport"] = {"width": viewport[0], "height": viewport[1]}
        if locale := wanted.get("locale"):
            options["locale"] = locale
        if timezone := wanted.get("timezone"):
            options["timezone_id"] = timezone
        return options


@asynccontextmanager
async def open_browser(told: Mapping[str, Any]) -> AsyncIterator[Warm]:
    """Start the browser and warm it up, so that no journey's clock pays for it. Raises ProbeError(no_browser)."""
    settings = BrowserSettings.model_validate(told["settings"])
    os.environ.update(told["given"])
    started = time.monotonic()
    async with async_playwright() as playwright:
        browser, facts = await get_browser(playwright, settings, told["environ"])
        agent = await _warm_up(browser)
        yield Warm(playwright, browser, agent, facts | {"browser_start_s": time.monotonic() - started})
        async with asyncio.timeout(CLOSE_S):
            await browser.close()


async def _warm_up(browser: Browser) -> str:
    """Open and close a first page, which costs a second once; returns the browser's own user agent."""
    try:
        async with asyncio.timeout(WARM_UP_S):
            context = await browser.new_context()
            page = await context.new_page()
            agent = await page.evaluate("navigator.userAgent")
            await context.close()
    except (TimeoutError, PlaywrightError) as error:
        raise ProbeError(Reason.NO_BROWSER, f"no browser: it starts but opens no page: {describe(error)}") from None
    return str(agent).replace("HeadlessChrome", "Chrome")


if __name__ == "__main__":
    serve(open_browser)
