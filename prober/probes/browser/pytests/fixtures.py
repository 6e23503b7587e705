"""The fixtures of pytest-playwright that most tests use, for where it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from prober.probes.browser.pytests.plugin import Reporter


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser_name(request: pytest.FixtureRequest) -> str:
    reporter = request.config.pluginmanager.get_plugin("prober-reporter")
    return reporter.engine if isinstance(reporter, Reporter) else "chromium"


@pytest.fixture(scope="session")
def browser(playwright: Playwright, browser_name: str) -> Iterator[Browser]:
    opened = getattr(playwright, browser_name).launch()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def base_url() -> str | None:
    return None


@pytest.fixture(scope="session")
def browser_context_args(base_url: str | None) -> dict[str, Any]:
    return {"base_url": base_url} if base_url else {}


@pytest.fixture
def context(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[BrowserContext]:
    opened = browser.new_context(**browser_context_args)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
