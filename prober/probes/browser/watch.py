"""What a page said while the journey ran: console, uncaught errors, failed and unanswered requests. All bounded."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebError
from playwright.async_api import Error as PlaywrightError

from prober.secret import redact_url

LINES_KEPT = 200
TEXT = 2000
BLOCKING = frozenset({"document", "stylesheet", "script", "image", "font"})
"""Kinds of requests whose answer may still move the largest paint."""


@dataclass(frozen=True, slots=True)
class _Flight:
    request: Request
    began: float


class Watch:
    """Listens to a context from before its first page."""

    def __init__(self, context: BrowserContext) -> None:
        self.crashed = False
        self._console: deque[dict[str, Any]] = deque(maxlen=LINES_KEPT)
        self._errors: deque[str] = deque(maxlen=LINES_KEPT)
        self._failed: deque[dict[str, Any]] = deque(maxlen=LINES_KEPT)
        self._counts = {"requests": 0, "failed_requests": 0, "console_errors": 0, "page_errors": 0}
        self._flying: dict[Request, _Flight] = {}
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("request", self._on_request)
        context.on("requestfinished", self._land)
        context.on("requestfailed", self._on_failed)
        context.on("response", self._on_response)
        context.on("page", self._on_page)

    @property
    def counts(self) -> dict[str, int]:
        return dict(self._counts)

    def awaited(self, page: Page) -> int:
        """How many requests of ``page`` that may move its largest paint have no answer yet."""
        waiting = (flight.request for flight in self._flying.values())
        return sum(request.resource_type in BLOCKING and _page_of(request) in (page, None) for request in waiting)

    def evidence(self, began: float) -> dict[str, Any]:
        """Everything kept, as plain values; times count from a monotonic ``began``."""
        now = time.monotonic()
        return {
            "console": [{**line, "at_s": round(line["at_s"] - began, 3)} for line in self._console],
            "page_errors": list(self._errors),
            "failed_requests": list(self._failed),
            "requests_in_flight": [
                {**_shown(flight.request), "since_s": round(now - flight.began, 3)}
                for flight in list(self._flying.values())[:LINES_KEPT]
            ],
            "counts": self.counts,
        }

    def _on_page(self, page: Page) -> None:
        page.on("crash", self._on_crash)

    def _on_crash(self, _: Page) -> None:
        self.crashed = True

    def _on_console(self, message: ConsoleMessage) -> None:
        self._counts["console_errors"] += message.type == "error"
        place = message.location
        line = {"type": message.type, "text": message.text[:TEXT], "at_s": time.monotonic()}
        self._console.append({**line, "url": shown_url(place["url"]), "line": place["lineNumber"] + 1})

    def _on_error(self, error: WebError) -> None:
        self._counts["page_errors"] += 1
        self._errors.append(str(error.error)[:TEXT])

    def _on_request(self, request: Request) -> None:
        self._counts["requests"] += 1
        self._flying[request] = _Flight(request, time.monotonic())

    def _land(self, request: Request) -> None:
        self._flying.pop(request, None)

    def _on_failed(self, request: Request) -> None:
        self._land(request)
        self._counts["failed_requests"] += 1
        self._failed.append({**_shown(request), "error": (request.failure or "")[:TEXT]})

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self._counts["failed_requests"] += 1
            self._failed.append({**_shown(response.request), "status": response.status})


def _shown(request: Request) -> dict[str, Any]:
    return {"method": request.method, "url": shown_url(request.url), "type": request.resource_type}


def shown_url(url: str) -> str:
    try:
        return redact_url(url[:TEXT])
    except ValueError:
        return "(not a URL)"


def _page_of(request: Request) -> Page | None:
    try:
        return request.frame.page
    except PlaywrightError:  # a service worker's, or a navigation's whose frame is not there yet
        return None


def open_pages(context: BrowserContext) -> Iterator[Page]:
    """The pages of ``context`` that are not closed."""
    return (page for page in context.pages if not page.is_closed())
