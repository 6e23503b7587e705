"""Blocking, slowing down and marking requests over CDP, page by page, in ways that leave the HTTP cache on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from prober.journey.tracing import headers_for
from prober.journey.wire import Job

_BYTES_PER_KILOBIT = 125.0
_UNLIMITED = -1


class Network:
    """What a run asked of its network; ``apply`` it to the session of every page, popups too."""

    def __init__(self, job: Job, step_index: Callable[[], int | None]) -> None:
        self._job = job
        self._asked = job.network
        self._step_index = step_index
        self._answers: set[asyncio.Task[None]] = set()

    @property
    def facts(self) -> dict[str, str]:
        """The trace's id, where requests carried it."""
        return {"trace_id": self._job.trace_id} if self._asked.get("first_party") else {}

    async def apply(self, session: CDPSession) -> None:
        """Have it hold in one page. Raises playwright.Error where the page is gone already."""
        if not self._asked:
            return
        if block := self._asked.get("block"):
            await session.send("Network.enable")
            await session.send("Network.setBlockedURLs", {"urls": list(block)})
        if throttle := self._asked.get("throttle"):
            await _slow_down(session, throttle)
        if origins := self._asked.get("first_party"):
            session.on("Fetch.requestPaused", lambda event: self._answer(session, event))
            await session.send("Fetch.enable", {"patterns": [{"urlPattern": f"{origin}/*"} for origin in origins]})

    def _answer(self, session: CDPSession, event: dict[str, Any]) -> None:
        answering = asyncio.ensure_future(self._go_on(session, event))
        self._answers.add(answering)
        answering.add_done_callback(self._answers.discard)

    async def _go_on(self, session: CDPSession, event: dict[str, Any]) -> None:
        request = event["request"]
        told: dict[str, Any] = {"requestId": event["requestId"]}
        if ours := headers_for(request["url"], self._job, self._step_index()):
            # Chromium added to what CORS looks at before this: our headers cause no preflight.
            headers = {**request["headers"], **ours}
            told["headers"] = [{"name": name, "value": value} for name, value in headers.items()]
        try:
            await session.send("Fetch.continueRequest", told)
        except PlaywrightError:  # the page went away, and its request with it
            return


async def _slow_down(session: CDPSession, throttle: dict[str, Any]) -> None:
    await session.send("Network.enable")
    await session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": throttle["latency"] * 1000,
            "downloadThroughput": _bytes_per_second(throttle["download_kbps"]),
            "uploadThroughput": _bytes_per_second(throttle["upload_kbps"]),
        },
    )
    await session.send("Emulation.setCPUThrottlingRate", {"rate": throttle["cpu"]})


def _bytes_per_second(kbps: float | None) -> float:
    return _UNLIMITED if kbps is None else kbps * _BYTES_PER_KILOBIT
