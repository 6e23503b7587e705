"""Status pages in a real Chromium: readable for everybody at every width, light and dark, without a line of script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fakes.axe import LOOKS, chromium, found_by_axe, looking, too_wide
from fakes.pages import KEY, served
from fakes.status_site import site
from playwright.sync_api import Browser, expect

from prober.web.status.letters import link

LEAVE = link("", KEY, "tickets", "somebody", "unsubscribe")
PATHS = ("/status/tickets", "/status/calm", LEAVE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("status")
    with served(site(folder)) as client:
        yield client


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_and_nobody_scrolls_sideways(
    browser: Browser, shown: httpx.Client, width: int, scheme: str
) -> None:
    found = {}
    with looking(browser, str(shown.base_url), width, scheme) as page:
        for path in PATHS:
            page.goto(path)
            found[path] = "\n".join(found_by_axe(page))
            assert too_wide(page) <= 0, path
    assert found == dict.fromkeys(PATHS, "")


def test_a_page_needs_no_script_and_asks_nobody_else(browser: Browser, shown: httpx.Client) -> None:
    with looking(browser, str(shown.base_url), java_script_enabled=False) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/status/tickets")
        expect(page.get_by_role("heading", name="Tickets status")).to_be_visible()
        expect(page.get_by_role("heading", name="Payments: partial outage Partial outage")).to_be_visible()
        expect(page.get_by_role("img", name="Payments, the last 90 days")).to_be_visible()
        page.get_by_label("Email address").fill("ann@reader.example")
        page.get_by_role("button", name="Subscribe").first.click()
        expect(page.get_by_role("heading", name="Almost there")).to_be_visible()
    assert asked
    assert all(url.startswith(str(shown.base_url)) for url in asked)


def test_everything_can_be_reached_by_keyboard(browser: Browser, shown: httpx.Client) -> None:
    with looking(browser, str(shown.base_url), 390) as page:
        page.goto("/status/tickets")
        reached = set()
        for _ in range(12):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    assert {"email", "webhook", "Subscribe", "Atom", "RSS", "JSON", "tickets.example"} <= reached
