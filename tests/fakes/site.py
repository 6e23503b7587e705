"""A site that somebody would look at (``fakes.plans``), as what the web is shown of it, and a server over that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from fakes.planned import PlannedHistory
from fakes.plans import HOUR, MINUTE, NOW, REGIONS, Plan, plans
from prober.clock import MovedClock
from prober.model import Hush, Incident
from prober.sinks.prometheus import Exposition
from prober.web import Figure, Health, Marker, Row, View, WebServer, create_app
from prober.web.auth import EVERYTHING, Who


@dataclass
class Hand:
    """Notes what it was told to do."""

    done: list[tuple[str, object]] = field(default_factory=list)
    deploys: tuple[Marker, ...] = (
        Marker("a", NOW - 7.4 * HOUR, "orders 4.18.0", ("api",), "https://git.example/r/4.18.0", "ci"),
        Marker("b", NOW - 38 * MINUTE, "orders 4.18.1", ("api",), "javascript:alert(1)", "ci"),
    )

    def run_now(self, check_id: str) -> Future[str]:
        self.done.append(("run", check_id))
        future: Future[str] = Future()
        future.set_result(f"{check_id}-9999")
        return future

    def hush(self, hush: Hush) -> None:
        self.done.append(("hush", hush))

    def hushes(self) -> Sequence[Hush]:
        return ()

    def markers(self, since: float, until: float) -> Sequence[Marker]:
        return [marker for marker in self.deploys if since <= marker.at < until]

    def ack(self, incident_id: str, by: str) -> Incident | None:
        self.done.append(("ack", incident_id))
        return None

    def note(self, incident_id: str, text: str, by: str) -> bool:
        self.done.append(("note", text))
        return True

    def end_hush(self, hush_id: str) -> bool:
        return False

    def mark(self, marker: Marker) -> None:
        self.done.append(("mark", marker))

    def ingest(self, check_id: str, signal: Mapping[str, object]) -> None:
        self.done.append(("ingest", check_id))


INNER = {
    "Schedule": [
        Figure("Schedule lag, p99", "within 10ms", "how late runs began after their slot, since the start"),
        Figure("Missed runs", "3", "checkout 3", well=False),
        Figure("Slots last looked at", "0ms ago"),
        Figure("Longest stall of a loop", "38ms", "since the start"),
    ],
    "Store": [
        Figure("Where", "postgresql://db.internal/prober", "shared by regions"),
        Figure("In reach", "yes"),
        Figure("Results waiting", "0"),
        Figure("Results never stored", "0"),
    ],
    "Notices": [Figure("Waiting", "1", "ops 1"), Figure("Sent", "214", "ops 120, pager 94"), Figure("Given up", "0")],
    "Sinks": [Figure("otlp", "0 waiting, 0 dropped"), Figure("cloudwatch", "12 waiting, 0 dropped")],
    "Browsers and workers": [
        Figure("chromium: slots", "1 of 2 busy", "2 workers up"),
        Figure("chromium: memory", "742 MB", "workers and their browsers"),
        Figure("chromium: last start", "610ms", "9 starts"),
    ],
    "Configuration": [
        Figure("Checks", "10"),
        Figure("Digest", "9f2c11a07b7d4e55"),
        Figure("Loaded", "2026-11-30T21:48:02.114Z"),
        Figure("On disk", "the one that runs"),
    ],
    "Regions": [Figure("eu-west-1", "heard of 4s ago"), Figure("us-east-1", "heard of 9s ago")],
    "Process": [
        Figure("Up for", "5h24m"),
        Figure("Memory, at most", "131 MB"),
        Figure("Threads", "9"),
    ],
}


@dataclass
class Site:
    """The view of it all, to be changed while it is looked at."""

    plans: tuple[Plan, ...] = field(default_factory=plans)
    clock: MovedClock = field(default_factory=lambda: MovedClock(NOW))
    hand: Hand = field(default_factory=Hand)
    inner: Mapping[str, Sequence[Figure]] = field(default_factory=lambda: INNER)
    history: PlannedHistory | None = None
    rows: Callable[[], Sequence[Row]] | None = None

    def view(self) -> View:
        self.history = self.history or PlannedHistory(self.plans)
        shown = [plan.row for plan in self.plans]
        return View(
            region=REGIONS[0],
            exposition=Exposition("prober", REGIONS[0]),
            registry=CollectorRegistry(),
            snapshot=self.rows or (lambda: shown),
            healthy=lambda: Health(True),
            ready=lambda: Health(True),
            clock=self.clock,
            incidents=lambda: [one for plan in self.plans for one in plan.incidents if one.closed_at is None],
            checks=lambda: [plan.check for plan in self.plans],
            history=self.history,
            actions=self.hand,
            inner=lambda: self.inner,
        )


class Doorman:
    """Says who asks, whatever the door in front of it found out."""

    def __init__(self, app: ASGIApp, who: Who) -> None:
        self._app = app
        self._who = who

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        await self._app({**scope, "prober.who": self._who}, receive, send)


def admitted(app: Starlette, who: Who | None = None) -> Starlette:
    """``app`` for ``who``; for somebody without a name who may do everything if None."""
    app.user_middleware.append(Middleware(Doorman, who=who or Who("", EVERYTHING)))
    return app


@contextmanager
def serving(view: View, who: Who | None = None) -> Iterator[httpx.Client]:
    """A real server over ``view``, and a client of it."""
    server = WebServer(admitted(create_app(view), who), "127.0.0.1", 0)
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as client:
            yield client
    finally:
        server.stop(5.0)


def warmed(client: httpx.Client, path: str = "") -> str:
    """The overview once the history is there: it comes by itself, and pages wait for it only for a while."""
    deadline = time.monotonic() + 20
    while '<svg class="bars"' not in (page := client.get(f"/{path}").text):
        assert time.monotonic() < deadline, "the history never came"
        time.sleep(0.02)  # another thread's progress, not time passing
    return page
