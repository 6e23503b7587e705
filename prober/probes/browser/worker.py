"""The worker of browser journeys: one warm Chromium, a new context for every run. Run as ``python -m``."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from prober.faults import ProbeError, describe
from prober.journey.host import Act, serve
from prober.journey.run import Emit
from prober.journey.wire import Job
from prober.model import Reason
from prober.probes.browser.act import open_act
from prober.probes.browser.find import find_browser, sandboxed
from prober.probes.browser.spec import BrowserSettings

LAUNCH_S = 30.0
CLOSE_S = 3.0


class Chromium:
    """A running browser, as a journey's stage."""

    def __init__(self, playwright: Playwright, browser: Browser, user_agent: str, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self._playwright = playwright
        self._browser = browser
        self._user_agent = user_agent

    def act(self, job: Job, emit: Emit) -> AbstractAsyncContextManager[Act]:
        options = self._emulation(job)
        agent = options.get("user_agent", self._user_agent)
        return open_act(self._browser, job, emit, {**options, "user_agent": f"{agent} {job.user_agent}"})

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
async def open_chromium(told: Mapping[str, Any]) -> AsyncIterator[Chromium]:
    """Start the browser and warm it up, so that no journey's clock pays for it. Raises ProbeError(no_browser)."""
    settings = BrowserSettings.model_validate(told["settings"])
    executable = find_browser(settings, told["environ"])
    os.environ.update(told["display"])
    started = time.monotonic()
    async with async_playwright() as playwright:
        browser = await _launch(playwright, settings, executable)
        facts: dict[str, Any] = {
            "browser": f"{playwright.chromium.name} {browser.version}",
            "browser_executable": str(executable),
            "sandbox": "on" if sandboxed(settings) else "off",
        }
        if settings.sandbox == "auto" and not sandboxed(settings):
            facts["warnings"] = ["the browser runs WITHOUT its sandbox, since we are root: run as another user"]
        agent = await _warm_up(browser)
        yield Chromium(playwright, browser, agent, facts | {"browser_start_s": time.monotonic() - started})
        async with asyncio.timeout(CLOSE_S):
            await browser.close()


async def _launch(playwright: Playwright, settings: BrowserSettings, executable: Path) -> Browser:
    try:
        return await playwright.chromium.launch(
            executable_path=executable,
            headless=settings.headless,
            chromium_sandbox=sandboxed(settings),
            args=list(settings.args),
            timeout=LAUNCH_S * 1000,
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
    except PlaywrightError as error:
        raise ProbeError(Reason.NO_BROWSER, _why_not(str(error), executable)) from None


def _why_not(text: str, executable: Path) -> str:
    if "without --no-sandbox is not supported" in text:
        return "no browser: Chromium refuses its sandbox to root; run as another user or set `browser.sandbox: off`"
    if "No usable sandbox" in text or ("sandbox" in text.lower() and "namespace" in text.lower()):
        return "no browser: this kernel allows Chromium no sandbox; allow it or set `browser.sandbox: off`"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"no browser: {executable} does not start: {describe(RuntimeError(lines[0]))}"


async def _warm_up(browser: Browser) -> str:
    """Open and close a first page, which costs a second once; returns the browser's own user agent."""
    session = await browser.new_browser_cdp_session()
    version = await session.send("Browser.getVersion")
    await session.detach()
    context = await browser.new_context()
    await context.new_page()
    await context.close()
    return str(version["userAgent"]).replace("HeadlessChrome", "Chrome")


if __name__ == "__main__":
    serve(open_chromium)
