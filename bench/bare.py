"""The purchase journey's Playwright calls without the prober: what a script of your own would do. Run by a bench.

Keeps one warm browser; for every line on stdin, which says how many seconds to stand still on every new page, it buys
once in a context of its own and prints the seconds that took, standing excluded, and how many pages it stood on.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from figures import PURCHASE
from playwright.async_api import Browser, Page, async_playwright

import prober
from prober.journey.params import bind_params
from prober.probes.browser.find import find_browser, sandboxed
from prober.probes.browser.launch import started_by
from prober.probes.browser.spec import BrowserSettings


class Steps:
    """Steps that do nothing, but for standing still on every page they lead to, where that is asked for."""

    def __init__(self) -> None:
        self.page: Page | None = None
        self.stand_s = self.stood_s = 0.0
        self.stops = 0
        self._url = ""

    @asynccontextmanager
    async def step(self, *_: object, **__: object) -> AsyncIterator[None]:
        yield
        if self.page and self.stand_s and self.page.url != self._url:
            self._url = self.page.url
            self.stops += 1
            started = time.monotonic()
            await asyncio.sleep(self.stand_s)
            self.stood_s += time.monotonic() - started


def purchase(steps: Steps) -> Any:
    """The shipped journey with measures that do nothing."""
    prober.step = steps.step  # type: ignore[assignment]
    prober.measure = lambda *_, **__: None  # type: ignore[assignment]
    spec = importlib.util.spec_from_file_location("purchase", PURCHASE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.purchase


async def buy(browser: Browser, journey: Any, steps: Steps) -> float:
    started = time.monotonic()
    context = await browser.new_context(user_agent=prober.USER_AGENT)
    context.set_default_timeout(15_000)
    steps.page = await context.new_page()
    await journey(steps.page, bind_params(journey, {}))
    await context.close()
    return time.monotonic() - started - steps.stood_s


async def main() -> None:
    settings = BrowserSettings()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            **started_by(find_browser(settings, os.environ)), chromium_sandbox=sandboxed(settings)
        )
        context = await browser.new_context()
        await context.new_page()
        await context.close()
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            steps = Steps()
            steps.stand_s = float(line)
            print(await buy(browser, purchase(steps), steps), steps.stops, flush=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
