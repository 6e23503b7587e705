"""Logging in and out in a real Chromium, under the policies it obeys, on names where it says less than on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fakes.door import PASSWORD, Served, auth, served, web
from playwright.sync_api import Browser, Page, sync_playwright

from prober.probes.browser import BrowserSettings
from prober.probes.browser.find import find_browser, sandboxed

NAME = "status.example"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    settings = BrowserSettings()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(settings, os.environ),
            chromium_sandbox=sandboxed(settings),
            args=[f"--host-resolver-rules=MAP {NAME} 127.0.0.1"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def side() -> Iterator[Served]:
    with served(web(auth=auth())) as side:
        yield side


def opened(browser: Browser, complaints: list[str], *, script: bool = True) -> Page:
    page = browser.new_context(java_script_enabled=script).new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return page


@pytest.mark.parametrize("host", ["127.0.0.1", NAME])
@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_somebody_logs_in_and_out(side: Served, browser: Browser, host: str, script: bool) -> None:
    complaints: list[str] = []
    page = opened(browser, complaints, script=script)
    place = f"http://{host}:{urlsplit(side.url).port}"
    page.goto(f"{place}/")
    assert page.url == f"{place}/login?next=/"
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{place}/")
    assert page.get_by_role("heading", level=1).inner_text().startswith("prober")
    assert page.evaluate("document.cookie") == "" if script else True
    page.goto(f"{place}/login")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{place}/login")
    assert page.get_by_role("button", name="Log in").is_visible()
    assert complaints == []
    page.context.close()


def test_a_form_on_another_sites_page_does_nothing(side: Served, browser: Browser) -> None:
    page = opened(browser, [])
    place = f"http://{NAME}:{urlsplit(side.url).port}"
    page.goto(f"{place}/login")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{place}/")
    page.goto("data:text/html,<form method=post action='" + f"{place}/logout" + "'><button>go</button></form>")
    with page.expect_response(f"{place}/logout") as answered:
        page.get_by_role("button").click()
    assert answered.value.status == 401
    page.goto(f"{place}/login")
    assert page.get_by_text("You are logged in").is_visible()
    page.context.close()
