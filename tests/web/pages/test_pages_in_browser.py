"""The pages in a real Chromium: for everybody to read, at every width, light and dark; and what the script adds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from fakes.axe import LOOKS, chromium, found_by_axe, looking, too_wide
from fakes.plans import many
from fakes.site import Site, serving, warmed
from playwright.sync_api import Browser, expect

from prober.model import Verdict
from prober.web import Row
from prober.web.auth import EVERYTHING, Who

PATHS = ("/", "/?group=tag&q=o", "/checks/orders-api", "/checks/checkout?range=90d", "/health")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()


@pytest.fixture(scope="module")
def rows(site: Site) -> list[Row]:
    return [plan.row for plan in site.plans]


@pytest.fixture(scope="module")
def served(site: Site, rows: list[Row]) -> Iterator[httpx.Client]:
    ada = Who("Ada", EVERYTHING, csrf="s3cret")
    with serving(replace(site.view(), snapshot=lambda: list(rows)), ada) as client:
        yield client


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_and_nobody_scrolls_sideways(
    browser: Browser, served: httpx.Client, width: int, scheme: str
) -> None:
    found: list[str] = []
    with looking(browser, str(served.base_url), width, scheme) as page:
        for path in PATHS:
            page.goto(path)
            for details in page.locator("details").all():
                details.evaluate("(one) => { one.open = true; }")
            found += [f"{path}: {line}" for line in found_by_axe(page)]
            assert too_wide(page) <= 0, path
    assert found == []


def test_axe_finds_nothing_among_five_hundred_checks(browser: Browser) -> None:
    with serving(Site(many(500)).view()) as client, looking(browser, str(client.base_url), 390, "dark") as page:
        warmed(client)
        page.goto("/")
        assert found_by_axe(page) == []
        assert too_wide(page) <= 0


def test_a_change_appears_by_itself(browser: Browser, served: httpx.Client, site: Site, rows: list[Row]) -> None:
    with looking(browser, str(served.base_url)) as page:
        page.goto("/")
        expect(page.locator("#live")).to_have_text("Live")
        index = next(index for index, row in enumerate(rows) if row.check_id == "zone")
        before = rows[index]
        page.locator("#c-zone a").focus()
        rows[index] = replace(before, state=Verdict.DOWN, message="NXDOMAIN")
        site.clock.advance(2)
        expect(page.locator("#c-zone")).to_contain_text("NXDOMAIN")
        expect(page.locator("#counts")).to_contain_text("3 down")
        expect(page).to_have_title("3 down · prober")
        expect(page.locator("#c-zone a")).to_be_focused()
        rows[index] = before
        site.clock.advance(2)
        expect(page.locator("#c-zone")).not_to_contain_text("NXDOMAIN")


def test_everything_can_be_read_and_chosen_without_script(browser: Browser, served: httpx.Client) -> None:
    with looking(browser, str(served.base_url), java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_label("Text").fill("checkout")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("tr.r")).to_have_count(1)
        page.get_by_role("link", name="Checkout", exact=True).last.click()
        expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
        page.get_by_role("link", name="90 d").click()
        expect(page.locator('a[aria-current="true"]', has_text="90 d")).to_be_visible()
        page.get_by_text("The same as a table").click()
        expect(page.locator(".points tbody tr")).to_have_count(90)


def test_a_chart_says_what_is_pointed_at_and_times_are_the_viewers_too(browser: Browser, served: httpx.Client) -> None:
    with looking(browser, str(served.base_url)) as page:
        page.goto("/checks/storefront")
        page.locator("svg.chart").hover(position={"x": 300, "y": 100})
        expect(page.locator(".readout")).to_contain_text("UTC · runs 15 · good 15 · p50")
        page.locator("td time, th time").last.hover()
        expect(page.locator("time[title]").last).to_have_attribute("title", "1 Dec 2026, 03:47:52 CET where you are")


def test_the_keyboard_skips_to_the_content_and_silences_a_check(
    browser: Browser, site: Site, served: httpx.Client
) -> None:
    site.hand.done.clear()
    with looking(browser, str(served.base_url)) as page:
        page.goto("/checks/search")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        page.get_by_text("Silence", exact=True).first.click()
        page.get_by_label("For").select_option("4h")
        page.get_by_label("Why").fill("moving racks")
        page.locator("form[action$=silence] button").click()
        expect(page.get_by_role("status").first).to_contain_text("Silenced.")
    assert [what for what, _ in site.hand.done] == ["hush"]
