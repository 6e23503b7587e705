"""The purchase journey's Playwright calls without the prober: what a script of your own would do. Run by a bench.

Keeps one warm browser; for every line on stdin it buys once in a context of its own and prints the seconds it took.
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
from playwright.async_api import Browser, async_playwright

import prober
from prober.journey.params import bind_params
from prober.probes.browser.find import find_browser, sandboxed
from prober.probes.browser.spec import BrowserSettings


@asynccontextmanager
async def nothing(*_: object, **__: object) -> AsyncIterator[None]:
    yield


def purchase() -> Any:
    """The shipped journey with steps and measures that do nothing."""
    prober.step = nothing  # type: ignore[assignment]
    prober.measure = lambda *_, **__: None  # type: ignore[assignment]
    spec = importlib.util.spec_from_file_location("purchase", PURCHASE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.purchase


async def buy(browser: Browser, journey: Any) -> float:
    started = time.monotonic()
    context = await browser.new_context(user_agent=prober.USER_AGENT)
    context.set_default_timeout(15_000)
    await journey(await context.new_page(), bind_params(journey, {}))
    await context.close()
    return time.monotonic() - started


async def main() -> None:
    journey, settings = purchase(), BrowserSettings()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_browser(settings, os.environ), chromium_sandbox=sandboxed(settings)
        )
        context = await browser.new_context()
        await context.new_page()
        await context.close()
        print("ready", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(await buy(browser, journey), flush=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
