"""axe-core in a real Chromium: what it finds against WCAG 2.2 AA on a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
LIBRARY = Path(__file__).parent.parent / "npm/node_modules/axe-core/axe.min.js"
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDTHS = {1440: 900, 390: 844}
SCHEMES = ("light", "dark")
LOOKS = [(width, scheme) for width in WIDTHS for scheme in SCHEMES]
"""How every page is looked at."""

_ASK = """(standard) => axe.run(document, {runOnly: standard, resultTypes: ["violations"]}).then((found) =>
  found.violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.impact}: ${rule.id}: ${node.target.join(" ")}: ${node.failureSummary.split("\\n").slice(1, 2)}`)))"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser to open pages in."""
    if not LIBRARY.exists():
        raise AssertionError("tests/npm/node_modules/axe-core is missing: run `make setup` where npm is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def looking(browser: Browser, url: str, width: int = 1440, scheme: str = "light", **options: Any) -> Iterator[Page]:
    """A page of ``url``, with axe in it. Whatever its console says is an error, a policy's refusal above all, fails."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": WIDTHS.get(width, 900)},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
        **options,
    )
    context.set_default_timeout(15_000)
    context.add_init_script(path=LIBRARY)
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def found_by_axe(page: Page) -> list[str]:
    """Each thing that is against the standard, in a line."""
    found: list[str] = page.evaluate(_ASK, STANDARD)
    return found


def too_wide(page: Page) -> int:
    """By how many pixels the page is wider than its window; people would have to scroll sideways."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide
