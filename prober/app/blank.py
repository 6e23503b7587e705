"""The doctor's journey: a browser that can show an empty page can show others."""

from typing import Any

from prober import journey, step


@journey(id="doctor", timeout="30s")
async def blank(page: Any) -> None:
    async with step("Open an empty page"):
        await page.goto("data:text/html,<title>fine</title>")
        assert await page.title() == "fine"
