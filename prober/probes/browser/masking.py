"""What a screenshot must not show: the inputs that hold a secret."""

from __future__ import annotations

from collections.abc import Iterable

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Locator, Page

from prober.probes.browser.rescue import within
from prober.secret import SHORTEST

FIELDS = "input, textarea, [contenteditable]"
_VALUES = "all => all.map(one => String(one.value ?? one.innerText ?? ''))"


async def masked_inputs(page: Page, secrets: Iterable[str], seconds: float) -> list[Locator]:
    """What a screenshot taken now must ``mask``: every input where it cannot be told which hold secrets in time."""
    found = await within(seconds, inputs_with_secrets(page, secrets))
    return [frame.locator(FIELDS) for frame in page.frames] if found is None else found


async def inputs_with_secrets(page: Page, secrets: Iterable[str]) -> list[Locator]:
    """The inputs of ``page`` and its frames that hold one of ``secrets`` just now.

    The values are read out and compared here: handing the secrets to the page would tell its scripts all of them.
    """
    known = [_bare(value) for value in secrets if len(value) >= SHORTEST]
    if not known:
        return []
    return [one for frame in page.frames for one in await _holding(frame, known)]


async def _holding(frame: Frame, known: list[str]) -> list[Locator]:
    fields = frame.locator(FIELDS)
    try:
        values = await fields.evaluate_all(_VALUES)
    except PlaywrightError:  # a frame that went away shows nothing; another may show anything
        return [] if frame.is_detached() else [fields]
    return [fields.nth(i) for i, text in enumerate(values) if any(value in _bare(text) for value in known)]


def _bare(text: str) -> str:
    # Card numbers and codes are shown in groups.
    return "".join(text.split())
