"""Calls to a browser that may never answer, each with an end; and how to get a hung page to speak again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from playwright.async_api import Browser, CDPSession, Page
from playwright.async_api import Error as PlaywrightError

Value = TypeVar("Value")


async def within(seconds: float | None, call: Awaitable[Value]) -> Value | None:
    """What ``call`` returns; None when it takes longer, if there is a limit, or the browser refuses."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except (TimeoutError, PlaywrightError):
        return None


async def answers(page: Page, seconds: float) -> bool:
    """Whether the page's main thread answers at all; a refusal is an answer too."""
    try:
        async with asyncio.timeout(seconds):
            await page.evaluate("1")
    except TimeoutError:
        return False
    except PlaywrightError:
        return True
    return True


async def interrupt(session: CDPSession | None, seconds: float) -> bool:
    """Stop the script that keeps a page from answering, by a session opened while it still did."""
    return session is not None and await within(seconds, session.send("Runtime.terminateExecution")) is not None


async def frozen(browser: Browser, seconds: float) -> bool:
    """Whether the browser as a whole no longer answers."""
    return await within(seconds, browser.new_browser_cdp_session()) is None
