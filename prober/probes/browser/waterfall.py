"""The requests of a run in the order they were made, each with its phases as the browser timed them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Request, Response
from playwright.async_api import Error as PlaywrightError

from prober.probes.browser.watch import shown_url

REQUESTS_KEPT = 500


@dataclass(slots=True)
class _Entry:
    request: Request
    at: float
    """Monotonic seconds; the browser's own clock is only known once there is an answer."""
    response: Response | None = None
    bytes: int | None = None
    cached: bool = False
    address: str | None = None


class Waterfall:
    """Listens to a context from before its first page, and asks for sizes only when it is told to."""

    def __init__(self, context: BrowserContext) -> None:
        self.dropped = 0
        self._entries: dict[Request, _Entry] = {}
        context.on("request", self._on_request)
        context.on("response", self._on_response)

    async def measure(self, seconds: float) -> None:
        """Ask for what only the browser knows, sizes and addresses, for at most so long."""
        tasks = [asyncio.ensure_future(_measure(entry)) for entry in self._entries.values() if entry.response]
        tasks += [asyncio.ensure_future(_locate(entry)) for entry in self._first_of_each_origin()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()

    def rows(self, began: float, step_at: Callable[[float], int | None]) -> list[dict[str, Any]]:
        """Every request as plain values; ``began`` is the monotonic beginning of the run, times count from it."""
        wall_began = time.time() - (time.monotonic() - began)
        return [_row(entry, began, wall_began, step_at(entry.at)) for entry in self._entries.values()]

    def _on_request(self, request: Request) -> None:
        if len(self._entries) >= REQUESTS_KEPT:
            self.dropped += 1
            return
        self._entries[request] = _Entry(request, time.monotonic())

    def _on_response(self, response: Response) -> None:
        if entry := self._entries.get(response.request):
            entry.response = response

    def _first_of_each_origin(self) -> Iterator[_Entry]:
        seen = set[str]()
        for entry in self._entries.values():
            origin = urlsplit(entry.request.url).netloc if entry.response else ""
            if origin and origin not in seen:
                seen.add(origin)
                yield entry


async def _measure(entry: _Entry) -> None:
    try:
        sizes = await entry.request.sizes()
    except PlaywrightError:  # it never ended
        return
    # Chromium tells an answer from its cache by a body that took less than nothing.
    entry.cached = sizes["responseBodySize"] < 0
    entry.bytes = 0 if entry.cached else sizes["responseBodySize"] + max(0, sizes["responseHeadersSize"])


async def _locate(entry: _Entry) -> None:
    try:
        address = await entry.response.server_addr() if entry.response else None
    except PlaywrightError:
        return
    if address:
        host, port = address["ipAddress"], address["port"]
        entry.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _row(entry: _Entry, began: float, wall_began: float, step: int | None) -> dict[str, Any]:
    request, response = entry.request, entry.response
    timing: Mapping[str, Any] = {**request.timing}
    known = timing["startTime"] > 0
    told: dict[str, Any] = {
        "method": request.method,
        "url": shown_url(request.url),
        "type": request.resource_type,
        "step": step,
        "status": response.status if response else None,
        "began_s": round(timing["startTime"] / 1000 - wall_began if known else entry.at - began, 4),
        "duration_s": _seconds(0.0, timing["responseEnd"]),
        "phases": _phases(timing),
        "bytes": entry.bytes,
        "cached": entry.cached,
    }
    if entry.address:
        told["address"] = entry.address
    if failure := request.failure:
        told["error"] = failure[:300]
    return told


def _phases(timing: Mapping[str, Any]) -> dict[str, float]:
    """Seconds by phase, as in the resource timing model (https://www.w3.org/TR/resource-timing/#processing-model)."""
    secure, connected = timing["secureConnectionStart"], timing["connectEnd"]
    dns, connect, sent = timing["domainLookupStart"], timing["connectStart"], timing["requestStart"]
    first = next((moment for moment in (dns, connect, sent) if moment >= 0), -1.0)
    found = {
        "queued": _seconds(0.0, first),
        "dns": _seconds(dns, timing["domainLookupEnd"]),
        "connect": _seconds(connect, secure if secure > 0 else connected),
        "tls": _seconds(secure, connected) if secure > 0 else None,
        "wait": _seconds(sent, timing["responseStart"]),
        "receive": _seconds(timing["responseStart"], timing["responseEnd"]),
    }
    return {name: value for name, value in found.items() if value is not None}


def _seconds(start_ms: float, end_ms: float) -> float | None:
    return round((end_ms - start_ms) / 1000, 6) if 0 <= start_ms <= end_ms else None
