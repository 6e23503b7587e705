"""Buys two tickets in the EventChain shop the way a visitor does, then cancels the order.

    prober run checks/purchase.py
    prober run checks/purchase.py --set seats=3
    EVENTCHAIN_URL=https://tickets.example.com prober run checks/purchase.py

The shop must know the test card, and leave orders out of its sales whose User-Agent contains "prober/".
"""

import os
import re

from playwright.async_api import Locator, Page, Request, expect
from pydantic import BaseModel, Field

from prober import journey, measure, step

SHOP = os.environ.get("EVENTCHAIN_URL", "http://127.0.0.1:8000").rstrip("/")
BUYER = {"email": "synthetic@eventchain.example", "name": "Synthetic Buyer"}
CARD = {"number": "4242 4242 4242 4242", "expiry": "12/34", "code": "123"}


class PurchaseParams(BaseModel):
    event: str = "Aurora Symphony"
    seats: int = Field(2, ge=1, le=6)


@journey(id="purchase", title="Buy two tickets by card", timeout="60s", interval="5m", tags=["checkout"])
async def purchase(page: Page, params: PurchaseParams) -> None:
    orders = remember_orders(page)
    try:
        await buy(page, params)
    finally:
        # Also when a step failed: a synthetic buyer must not keep anyone from a seat.
        if orders:
            async with step("Cancel the order", always=True):
                await page.goto(orders[0])
                await page.get_by_role("button", name="Cancel order").click()
                await expect(page.get_by_test_id("order-status")).to_have_text("cancelled")


async def buy(page: Page, params: PurchaseParams) -> None:
    async with step("Browse events"):
        await page.goto(f"{SHOP}/")
        await expect(page).to_have_title("EventChain Tickets")

    async with step("Open an event"):
        await page.get_by_role("link", name=params.event).first.click()
        await expect(page.get_by_role("heading", name=params.event, level=1)).to_be_visible()
        free, sold_out = page.locator("button.seat:enabled"), page.get_by_text("Sold out")
        await expect(free.or_(sold_out).first).to_be_visible()
        assert await free.count(), "the event is sold out"

    async with step("Choose seats"):
        prices = [await choose(free.nth(-1 - number)) for number in range(params.seats)]
        total = euros(sum(prices))
        await expect(page.get_by_test_id("selection-total")).to_have_text(total)
        await page.get_by_role("button", name="Add to cart").click()
        await expect(page.get_by_test_id("cart-total")).to_have_text(total)

    async with step("Continue as guest"):
        await page.get_by_role("link", name="Checkout").click()
        await page.get_by_label("Send tickets to").fill(BUYER["email"])
        await page.get_by_role("button", name="Continue as guest").click()
        await page.get_by_label("Full name").fill(BUYER["name"])

    async with step("Choose delivery"):
        await page.get_by_label("E-ticket by email").check()
        await page.get_by_role("button", name="Continue to payment").click()
        await expect(page.get_by_role("heading", name="Payment")).to_be_visible()

    async with step("Pay by card"):
        await page.get_by_label("Card number").fill(CARD["number"])
        await page.get_by_label("Expiry date").fill(CARD["expiry"])
        await page.get_by_label("Security code").fill(CARD["code"])
        await page.get_by_role("button", name=f"Pay {total}").click()
        booked = page.get_by_role("heading", name="Thank you, your tickets are booked")
        refused = page.get_by_role("alert").filter(visible=True)
        await expect(booked.or_(refused)).to_be_visible(timeout=15_000)
        if await refused.count():
            raise AssertionError(f"the payment was refused: {await refused.inner_text()}")

    async with step("Confirmation"):
        await expect(page.get_by_test_id("order-number")).to_have_text(re.compile(r"^EC-[A-Z2-7]{8}$"))
        await expect(page.get_by_test_id("order-total")).to_have_text(total)
        await expect(page.get_by_role("img", name="E-ticket for seat")).to_have_count(params.seats)
        measure("order_total", sum(prices) / 100, unit="EUR", event=params.event)


async def choose(seat: Locator) -> int:
    """Take a free seat; returns its price in cents."""
    await seat.click()
    await expect(seat).to_have_attribute("aria-pressed", "true")
    return int(await seat.get_attribute("data-price-cents") or 0)


def euros(cents: int) -> str:
    return f"€{cents / 100:.2f}"


def remember_orders(page: Page) -> list[str]:
    """The addresses of orders placed from now on, known as soon as the browser is sent to one."""
    orders: list[str] = []

    def look(request: Request) -> None:
        if request.is_navigation_request() and request.method == "GET" and "/orders/EC-" in request.url:
            orders.append(request.url)

    page.on("request", look)
    return orders
