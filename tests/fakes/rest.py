"""A web side that is up over a real store, as the tests of the API meet it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from fakes.alerts import AT
from fakes.results import Target
from prober.app.actions import StoreActions, no_passive_checks
from prober.app.asked import AskedRuns
from prober.clock import MovedClock
from prober.config.web import Web, WebAuth, WebToken
from prober.history import History, Page, Query
from prober.model import Check, Incident
from prober.secret import Secret
from prober.sinks.prometheus import Exposition
from prober.store import Store
from prober.web import Health, Row, View, WebServer, create_app
from prober.web.auth import Access
from prober.web.view import Figure

SHOP = Target(id="shop", tags=("checkout",), runbook="https://wiki.example/shop")
LOGIN = Target(id="login", title="Log-in", tags=("accounts",))
PAUSED = Target(id="paused", enabled=False)


TOKENS: dict[str, tuple[Any, ...]] = {
    "ada": ("admin",),
    "bot": ("ack",),
    "ci": ("ingest",),
    "reader": ("read",),
    "all-but-read": ("run", "ack", "ingest"),
    "all-but-run": ("read", "ack", "ingest"),
    "all-but-ack": ("read", "run", "ingest"),
    "all-but-ingest": ("read", "run", "ack"),
}


def token(who: str) -> str:
    return f"{who}-0123456789abcdef"


def auth() -> Web:
    """A door that knows ``TOKENS``."""
    tokens = {who: WebToken(token=Secret(token(who)), scopes=scopes) for who, scopes in TOKENS.items()}
    return Web(auth=WebAuth(tokens=tokens))


@dataclass
class Alarm:
    """As much of the alerting side as actions need."""

    store: Store
    away: bool = False
    poked: int = 0
    incidents: tuple[Incident, ...] = ()

    @property
    def current(self) -> Store:
        return self.store

    @property
    def recorder(self) -> Any:
        return SimpleNamespace(away=self.away)

    def poke(self) -> None:
        self.poked += 1


@dataclass
class Runner:
    """Takes what is asked for; the tests say when it is over."""

    ready: bool = True
    begun: list[tuple[str, str]] = field(default_factory=list)

    def run_beside(self, check_id: str, run_id: str) -> bool:
        self.begun.append((check_id, run_id))
        return self.ready


@dataclass
class Site:
    """A web side that is up, and what it is made of."""

    clock: MovedClock
    store: Store
    alarm: Alarm
    runner: Runner
    runs: AskedRuns
    loop: asyncio.AbstractEventLoop
    checks: list[Check]
    rows: dict[str, Row] = field(default_factory=dict)
    signals: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    passive: bool = True
    past_fails: Exception | None = None
    looks: int = 0
    url: str = ""
    view: View = field(init=False)

    def client(self, who: str = "ada", **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token(who)}"} if who else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False, **options)

    def take_signal(self, check_id: str, signal: Mapping[str, object]) -> None:
        if not self.passive:
            no_passive_checks(check_id, signal)
        self.signals.append((check_id, signal))

    def open_incidents(self) -> tuple[Incident, ...]:
        self.looks += 1
        return self.store.open_incidents()

    def bare_view(self) -> View:
        """A view of a prober that keeps no past and lets nothing be done."""
        return replace(self.view, history=None, actions=None)

    @contextmanager
    def serving(self, view: View) -> Iterator[httpx.Client]:
        """Another web side, over ``view``, that lets anybody on this machine in."""
        server = WebServer(create_app(view), "127.0.0.1", 0)
        server.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=20, trust_env=False) as client:
            yield client
        server.stop(5.0)

    def on_loop(self, call: Any, *arguments: Any) -> None:
        """Have the loop that measures do it."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (call(*arguments), done.set()))
        assert done.wait(10)


class Past(History):
    """The past, which a test may have fail."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.store, lambda: site.checks, clock=site.clock)
        self._site = site

    def results(self, query: Query) -> Page:
        if self._site.past_fails is not None:
            raise self._site.past_fails
        return super().results(query)


def view_of(site: Site, actions: StoreActions, history: History) -> View:
    return View(
        region="eu-west-1",
        exposition=Exposition("prober", "eu-west-1"),
        registry=CollectorRegistry(),
        snapshot=lambda: [site.rows.get(c.id, Row(c.id, c.kind, c.target)) for c in site.checks],
        healthy=lambda: Health(True),
        ready=lambda: Health(False, "starting"),
        clock=site.clock,
        incidents=site.open_incidents,
        checks=lambda: site.checks,
        history=history,
        actions=actions,
        inner=lambda: {"runs": [Figure("slots missed", "0")]},
    )


@contextmanager
def site_at(path: Path) -> Iterator[Site]:
    """A web side over the store in ``path``, an hour after AT, with a loop in a thread for what measures."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    clock = MovedClock(AT + 3_600)
    checks: list[Check] = [SHOP, LOGIN, PAUSED]
    with closing(Store(path, clock)) as store:
        alarm: Any = Alarm(store)
        runner = Runner()
        runs = AskedRuns(lambda: runner, lambda: {check.id: check for check in checks}, loop)
        site = Site(clock, store, alarm, runner, runs, loop, checks)
        config: Any = SimpleNamespace(checks=checks)
        actions = StoreActions(alarm, runs, lambda: config, site.take_signal)
        site.view = view_of(site, actions, Past(site))
        server = WebServer(create_app(site.view, Access(auth(), clock)), "127.0.0.1", 0)
        server.start()
        site.url = f"http://127.0.0.1:{server.port}"
        yield site
        site.on_loop(runs.close)
        server.stop(5.0)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
