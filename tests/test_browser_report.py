"""The HTML report of a real run, looked at in a real browser, and the trace that is served beside it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from prober.demo.server import running
from prober.probes.browser.find import find_browser, sandboxed
from prober.probes.browser.spec import BrowserSettings

SECRET = 's3cret "<b>seat</b>" & more'
JOURNEY = """
import os
from playwright.async_api import Page, expect
from prober import journey, measure, step

@journey(id="broken", env=["SHOP_CODE"])
async def broken(page: Page) -> None:
    shop, code = os.environ["EVENTCHAIN_URL"], os.environ["SHOP_CODE"]
    async with step("Browse <events>"):
        await page.goto(shop)
    async with step("Open an event"):
        await page.get_by_role("link", name="Aurora Symphony").first.click()
        await page.evaluate("code => console.error('the code is', code)", code)
        await page.evaluate("fetch('/nowhere?token=very-hidden').then(() => null)")
        measure("seats_free", 42)
    async with step("Choose seats"):
        await page.locator("button.seat:enabled").first.click()
        await expect(page.get_by_role("heading", name="These are yours")).to_be_visible(timeout=300)
"""
CONFIG = """
checks:
  - {id: storefront, kind: http, title: "Storefront & <b>more</b>", url: "$SHOP/", expect: {status: 200}}
  - {id: gone, kind: tcp, address: "127.0.0.1:1"}
  - {id: refund, kind: api, title: Refund, journey: "$ROOT/checks/refund.py", interval: 5m, timeout: 20s}
  - {id: broken, kind: browser, title: Buying a ticket, journey: broken.py}
"""
TEXTS = (
    "2 of 4 are down",
    "Storefront & <b>more</b>",
    "connect_refused",
    "Refund",
    "Buying a ticket",
    "LCP",
    "Browse <events>",
    "/events/aurora-symphony",
    "seats_free",
    "where it failed",
    "the code is ***",
    "/nowhere?token=***",
    "Expectations",
)


@dataclass(frozen=True)
class Reported:
    home: Path
    file: Path
    results: list[dict[str, Any]]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    home = tmp_path_factory.mktemp("report")
    root = Path(__file__).resolve().parent.parent
    with running() as shop:
        (home / "broken.py").write_text(JOURNEY)
        (home / "probes.yaml").write_text(CONFIG.replace("$SHOP", shop).replace("$ROOT", str(root)))
        arguments = ("run", "--report", "report.html", "--json", "results.json", "--trace", "on")
        done = subprocess.run(
            [sys.executable, "-m", "prober", *arguments],
            capture_output=True,
            text=True,
            cwd=home,
            env={**os.environ, "EVENTCHAIN_URL": shop, "SHOP_CODE": SECRET, "PYTHONPATH": str(root)},
            timeout=60,
        )
    assert done.returncode == 1, done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    return Reported(home, home / "report.html", json.loads((home / "results.json").read_text())["results"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    settings = BrowserSettings()
    with sync_playwright() as playwright:
        executable = find_browser(settings, os.environ)
        browser = playwright.chromium.launch(executable_path=executable, chromium_sandbox=sandboxed(settings))
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_readable_offline_in_every_light_and_width(
    reported: Reported, browser: Browser, width: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    said, asked = list[str](), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(reported.file.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [reported.file.as_uri()]
    shown = page.locator("body").inner_text().casefold()
    assert [text for text in TEXTS if text.casefold() not in shown] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("script").count() == 0
    assert all(page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth > 100)"))
    assert _contrast(page, "h1") > 7
    assert _contrast(page, ".told.down") > 4.5
    context.close()


def _contrast(page: Page, selector: str) -> float:
    """By WCAG 2.2 between a text and the ground it stands on."""
    ratio: float = page.locator(selector).first.evaluate("""text => {
        const parse = colour => colour.match(/[\\d.]+/g).map(Number);
        let at = text;
        while (at && (parse(getComputedStyle(at).backgroundColor)[3] ?? 1) === 0) at = at.parentElement;
        const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
        const both = [light(parse(getComputedStyle(text).color)), light(parse(getComputedStyle(at).backgroundColor))];
        return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    }""")
    return ratio


def test_the_steps_and_requests_stand_in_the_report_as_they_were(reported: Reported, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(reported.file.as_uri())
    section = page.locator("article").filter(has=page.get_by_role("heading", name="Buying a ticket"))
    assert section.locator(".step .label").all_inner_texts() == [
        "●\nBrowse <events>",
        "●\nOpen an event",
        "✖\nChoose seats",
    ]
    assert section.locator(".shots img").count() == 3
    groups = section.locator(".water .group .asked").all_inner_texts()
    assert groups[:2] == ["Browse <events>", "Open an event"]
    assert section.locator(".water .row").count() == reported.results[3]["facts"]["requests"]
    assert section.locator(".water .row.bad").filter(has_text="404").count() == 1
    bars = section.locator(".water .row").first.locator("rect").evaluate_all("all => all.map(one => one.innerHTML)")
    assert any(title.startswith("<title>wait ") for title in bars)
    refund = page.locator("article").filter(has=page.get_by_role("heading", name="Refund"))
    assert refund.locator(".water .row").count() == len(reported.results[2]["facts"]["http_requests"])
    page.close()


def test_no_secret_is_in_the_report(reported: Reported) -> None:
    text = reported.file.read_text()
    for canary in ("s3cret", "very-hidden", "<b>seat", "&lt;b&gt;seat"):
        assert canary not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]


def test_show_serves_the_trace_of_a_run_to_any_browser(reported: Reported) -> None:
    run = reported.results[3]["run_id"]
    command = [sys.executable, "-m", "prober", "show", run]
    with subprocess.Popen(command, cwd=reported.home, stdout=subprocess.PIPE, text=True) as viewer:
        assert viewer.stdout is not None
        kinds = list[str]()
        for line in viewer.stdout:
            kinds.append(line.partition(":")[0])
            if line.startswith("trace viewer: "):
                answer = httpx.get(line.split()[2], follow_redirects=True, timeout=20)
                viewer.send_signal(signal.SIGINT)
        viewer.wait(20)
    assert kinds == ["screenshot"] * 3 + ["evidence", "har", "trace", "trace viewer"]
    assert answer.status_code == 200
    assert "Playwright Trace Viewer" in answer.text


def test_show_says_in_one_line_what_it_does_not_find(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "prober", "show", "0123456789abcdef"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr.startswith("prober: 0123456789abcdef: no such artifact or run under")
    assert done.stderr.count("\n") == 1
