"""Logs in to the EventChain shop with password and one-time code, and reuses the log-in for half an hour.

    prober run checks/login_totp.py
    prober run checks/login_totp.py --set email=me@example.com --set password=... --set totp_key=...

Without parameters it takes the demo shop's own test account. Give those of your own as references in probes.yaml:
params: {email: synthetic@example.com, password: "${SHOP_PASSWORD}", totp_key: "${SHOP_TOTP_KEY}"}
"""

import os

from playwright.async_api import Page, expect
from pydantic import BaseModel

from prober import Secret, journey, logged_in, step, totp

SHOP = os.environ.get("EVENTCHAIN_URL", "http://127.0.0.1:8000").rstrip("/")


class LoginParams(BaseModel):
    email: str = "mfa@eventchain.example"
    password: Secret = Secret("tickets-please-twice")
    totp_key: Secret = Secret("EVENTCHAINDEMOTOTPSEED23")


@journey(
    id="login",
    title="Log in with a one-time code",
    timeout="30s",
    interval="5m",
    tags=["account"],
    idempotent=True,
    retries=1,
)
async def login(page: Page, params: LoginParams) -> None:
    async def log_in(page: Page) -> None:
        async with step("Log in with a password"):
            await page.goto(f"{SHOP}/login?next=/account")
            await page.get_by_label("Email").fill(params.email)
            await page.get_by_label("Password").fill(params.password.reveal())
            await page.get_by_role("button", name="Log in", exact=True).click()
            code, refused = page.get_by_label("Authentication code"), page.get_by_role("alert").filter(visible=True)
            await expect(code.or_(refused).first).to_be_visible()
            if await refused.count():
                raise AssertionError(f"the log-in was refused: {await refused.inner_text()}")

        async with step("Verify the code"):
            await code.fill(totp(params.totp_key))
            await page.get_by_role("button", name="Verify").click()
            await expect(page.get_by_role("heading", name="Your account")).to_be_visible()

    await logged_in(page, log_in, for_="30m")

    async with step("Open the account"):
        await page.goto(f"{SHOP}/account")
        await expect(page.get_by_role("heading", name="Your account", level=1)).to_be_visible()
        await expect(page.get_by_text(params.email)).to_be_visible()
