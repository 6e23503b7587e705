"""The shop in a real Chromium: a purchase from end to end, and the dials that only a browser feels."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from prober.demo.accounts import totp

CHROMIUM = "/usr/bin/chromium"
COLLECT = """
window.seen = {lcp: null, cls: 0, soft: [], clicks: 0};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.lcp = {tag: entry.element?.tagName, at_s: entry.startTime / 1000};
}).observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.cls += entry.value;
}).observe({type: "layout-shift", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.soft.push(new URL(entry.name).pathname);
}).observe({type: "soft-navigation", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.clicks = Math.max(seen.clicks, entry.duration / 1000);
}).observe({type: "event", durationThreshold: 16, buffered: true});
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, shop_url: str) -> Iterator[Page]:
    context = browser.new_context(base_url=shop_url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    context.add_init_script(COLLECT)
    yield context.new_page()
    context.close()


def turn(client: httpx.Client, **dials: Any) -> None:
    client.post("/dials", json=dials).raise_for_status()


def wait_until(page: Page, condition: str) -> None:
    # Playwright's own wait_for_function evaluates text in the page, which the shop's CSP forbids.
    page.evaluate(
        f"new Promise((done) => {{ const look = () => {condition} ? done() : setTimeout(look, 20); look(); }})"
    )


def choose(page: Page, *seats: str) -> None:
    page.goto("/events/aurora-symphony")
    for seat in seats:
        page.get_by_role("button", name=f"Seat {seat}", exact=True).click()


def go_to_payment(page: Page) -> None:
    choose(page, "F6", "F7")
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="Checkout").click()
    page.get_by_label("Send tickets to").fill("ada@example.com")
    page.get_by_role("button", name="Continue as guest").click()
    page.get_by_label("Full name").fill("Ada Guest")
    page.get_by_role("button", name="Continue to payment").click()


def pay(page: Page, number: str = "4242 4242 4242 4242") -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiry date").fill("12/34")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Pay").click()


def test_a_guest_buys_two_tickets_and_gives_them_back(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Aurora Symphony").click()
    go_to_payment(page)
    wait_until(page, "seen.soft.includes('/checkout/payment')")
    pay(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, your tickets are booked")
    expect(page.get_by_test_id("order-total")).to_have_text("€98.00")
    expect(page.get_by_role("img", name="E-ticket for seat F7")).to_be_visible()
    page.get_by_role("button", name="Cancel order").click()
    expect(page.get_by_test_id("order-status")).to_have_text("cancelled")
    page.goto("/events/aurora-symphony")
    expect(page.get_by_role("button", name="Seat F6", exact=True)).to_be_enabled()


def test_a_declined_card_is_told_and_another_one_works(page: Page) -> None:
    go_to_payment(page)
    pay(page, "4000 0000 0000 0002")
    expect(page.get_by_role("alert")).to_have_text("Your card was declined.")
    pay(page)
    expect(page.get_by_test_id("order-status")).to_have_text("paid")


def test_going_back_from_payment_keeps_what_was_typed(page: Page) -> None:
    go_to_payment(page)
    page.go_back()
    expect(page.get_by_label("Full name")).to_have_value("Ada Guest")


def test_a_customer_logs_in_with_a_second_factor(page: Page) -> None:
    page.goto("/login?next=/account")
    page.get_by_label("Email").fill("mfa@eventchain.example")
    page.get_by_label("Password").fill("tickets-please-twice")
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_label("Authentication code").fill(totp("EVENTCHAINDEMOTOTPSEED23", time.time()))
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    expect(page.get_by_text("mfa@eventchain.example")).to_be_visible()


def test_a_healthy_event_page_has_its_hero_as_lcp_and_does_not_shift(page: Page) -> None:
    page.goto("/events/aurora-symphony", wait_until="networkidle")
    wait_until(page, "seen.lcp?.tag === 'IMG'")
    assert page.evaluate("seen.cls") < 0.02


def test_a_slow_hero_is_a_late_lcp(page: Page, client: httpx.Client) -> None:
    turn(client, slow_hero_s=1.2)
    page.goto("/events/aurora-symphony")
    wait_until(page, "seen.lcp?.tag === 'IMG'")
    assert 1.2 <= page.evaluate("seen.lcp.at_s") < 3


@pytest.mark.parametrize("path", ["/", "/events/aurora-symphony"])
@pytest.mark.parametrize("width_px", [1280, 390])
def test_the_layout_shift_dial_breaks_the_cls_budget(
    page: Page, client: httpx.Client, path: str, width_px: int
) -> None:
    turn(client, layout_shift=True)
    page.set_viewport_size({"width": width_px, "height": 800})
    page.goto(path)
    wait_until(page, "seen.cls > 0.1")


def test_a_slow_click_is_a_slow_interaction(page: Page, client: httpx.Client) -> None:
    turn(client, slow_click_s=0.4)
    choose(page, "F6")
    wait_until(page, "seen.clicks >= 0.4")


def test_a_hanging_page_loads_and_then_answers_nothing(page: Page, client: httpx.Client) -> None:
    turn(client, hang=True)
    page.goto("/events/aurora-symphony")
    with pytest.raises(Error, match="Timeout"):
        page.get_by_role("button", name="Add to cart").click(timeout=1500)


def test_a_sold_out_event_offers_no_seat(page: Page, client: httpx.Client) -> None:
    turn(client, sold_out=True)
    page.goto("/events/aurora-symphony")
    expect(page.locator("button.seat")).to_have_count(96)
    expect(page.locator("button.seat:enabled")).to_have_count(0)
    expect(page.get_by_text("Sold out")).to_be_visible()


def test_a_broken_seat_map_is_told(page: Page, client: httpx.Client) -> None:
    page.goto("/")
    page.route("**/api/events/*", lambda route: route.fulfill(status=500))
    page.goto("/events/aurora-symphony")
    expect(page.get_by_role("alert")).to_contain_text("The seat map is not available")


@pytest.mark.parametrize("width_px", [1440, 390])
def test_no_page_is_wider_than_its_window(page: Page, width_px: int) -> None:
    page.set_viewport_size({"width": width_px, "height": 800})
    choose(page, "F6")
    page.get_by_role("button", name="Add to cart").click()
    for path in ("/", "/events/aurora-symphony", "/cart", "/login", "/nowhere"):
        page.goto(path, wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width_px, path
