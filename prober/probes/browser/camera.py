"""Pictures of a page: one where a step failed, one at the end of each step where that is wanted, or a filmstrip."""

from __future__ import annotations

import asyncio
import base64
import io
import zipfile
from collections.abc import Mapping
from typing import Any

from playwright.async_api import CDPSession, Page
from playwright.async_api import Error as PlaywrightError

from prober.journey.evidence import Drawer
from prober.probes.browser.masking import masked_inputs
from prober.probes.browser.rescue import within

SHOT_S = 3.0
MASKING_S = 1.0
FAILURES_KEPT = 5
PASSES_KEPT = 30
PASS_QUALITY = 60  # of JPEG: enough to recognise a page by

FRAME_S = 0.5
FRAMES_KEPT = 360
FRAME_SIZE = {"maxWidth": 480, "maxHeight": 480}


class Camera:
    """Takes single pictures, with the inputs that hold a secret masked; none where that cannot be done."""

    def __init__(self, drawer: Drawer, secrets: list[str], haste: float) -> None:
        self._drawer = drawer
        self._secrets = secrets
        self._haste = haste
        self._failures = self._passes = 0

    async def shoot_failure(self, page: Page, label: str) -> None:
        """Keep a picture of where ``label`` failed."""
        if self._failures < FAILURES_KEPT:
            options = {"full_page": self._drawer.wanted.full_page}
            self._failures += await self._shoot(page, f"{self._drawer.name_of(label)}.png", options)

    async def shoot_pass(self, page: Page, label: str) -> None:
        """Keep a small picture of how ``label`` ended."""
        if self._drawer.wanted.keep == "always" and self._passes < PASSES_KEPT:
            options = {"type": "jpeg", "quality": PASS_QUALITY, "scale": "css"}
            self._passes += await self._shoot(page, f"{self._drawer.name_of(label)}.jpg", options)

    async def _shoot(self, page: Page, name: str, options: Mapping[str, Any]) -> bool:
        if not self._drawer.open:
            return False
        hidden = await masked_inputs(page, self._secrets, MASKING_S * self._haste)
        limit_s = SHOT_S * self._haste
        shot = await within(limit_s, page.screenshot(timeout=limit_s * 1000, mask=hidden, **options))
        return shot is not None and self._drawer.keep("screenshot", name, shot)


class Filmstrip:
    """Two frames a second of every page, as small JPEGs, from CDP's Page.startScreencast."""

    def __init__(self) -> None:
        self._frames: list[tuple[float, str]] = []
        self._answers: set[asyncio.Task[None]] = set()

    async def film(self, session: CDPSession) -> None:
        """Record the page of ``session`` from now on; a browser that refuses is not filmed."""

        def take(frame: dict[str, Any]) -> None:
            self._take(frame["metadata"].get("timestamp", 0.0), frame["data"])
            # The next frame comes when this one is acknowledged: that is how two a second come about.
            answer = asyncio.ensure_future(_acknowledge(session, frame["sessionId"]))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

        session.on("Page.screencastFrame", take)
        await within(SHOT_S, session.send("Page.startScreencast", {"format": "jpeg", "quality": 50, **FRAME_SIZE}))

    def develop(self, began_at: float) -> bytes | None:
        """A zip of the frames, each named by its milliseconds since ``began_at`` (wall seconds); None without any."""
        for answer in self._answers:
            answer.cancel()
        if not self._frames:
            return None
        box = io.BytesIO()
        with zipfile.ZipFile(box, "w", zipfile.ZIP_STORED) as frames:
            for at, data in self._frames:
                frames.writestr(f"{max(0, round((at - began_at) * 1000)):07d}.jpg", base64.b64decode(data))
        return box.getvalue()

    def _take(self, at: float, data: str) -> None:
        if len(self._frames) < FRAMES_KEPT and (not self._frames or at - self._frames[-1][0] >= FRAME_S * 0.9):
            self._frames.append((at, data))


async def _acknowledge(session: CDPSession, frame_id: int) -> None:
    await asyncio.sleep(FRAME_S)
    try:
        await session.send("Page.screencastFrameAck", {"sessionId": frame_id})
    except PlaywrightError:  # the page is gone
        return
