"""A web side behind its door, over real sockets, and a browser that fills in its forms."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from argon2 import PasswordHasher
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from prober.clock import Clock, MovedClock
from prober.config import Web
from prober.sinks.prometheus import Exposition
from prober.web import Health, View, WebServer, create_app
from prober.web.auth import Access, checked_form, who_asks
from prober.web.tls import Certificate

HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
PASSWORD = "correct horse battery"
HASH = HASHER.hash(PASSWORD)
SCOPES = ("read", "run", "ack", "ingest", "admin")
TOKENS = {name: f"token-of-{name}-0123456789" for name in SCOPES}
NO_AUTHORITY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, and so has no list of authorities to read."""
ALL_INTERFACES, LOOPBACK = "0.0.0.0", "127.0.0.1"


def auth(**changed: Any) -> dict[str, Any]:
    """One user who may read and acknowledge, and a token for each scope."""
    tokens = {name: {"token": token, "scopes": [name]} for name, token in TOKENS.items()}
    return {"users": {"ada": {"password": HASH, "scopes": ["read", "ack"]}}, "tokens": tokens, **changed}


def web(**section: Any) -> Web:
    """A ``web`` section as it stands in a file."""
    return Web.model_validate(section)


def view(clock: Clock, **changed: Any) -> View:
    shown = View(
        region="eu-west-1",
        exposition=Exposition("prober", "eu-west-1"),
        registry=CollectorRegistry(),
        snapshot=list,
        healthy=lambda: Health(True),
        ready=lambda: Health(True),
        clock=clock,
    )
    return replace(shown, **changed)


@dataclass(frozen=True)
class Served:
    """A web side that is served."""

    url: str
    access: Access
    clock: MovedClock
    server: WebServer

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("POST", path, **options)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """By somebody who keeps nothing."""
        return httpx.request(method, self.url + path, **{"verify": NO_AUTHORITY, "trust_env": False, **options})

    def browser(self, **options: Any) -> httpx.Client:
        """It keeps cookies, and wants pages."""
        accept = {"Accept": "text/html"}
        return httpx.Client(
            base_url=self.url, headers=accept, **{"verify": NO_AUTHORITY, "trust_env": False, **options}
        )


@contextmanager
def served(
    section: Web | None = None, host: str = LOOPBACK, tls: Certificate | None = None, **shown: Any
) -> Iterator[Served]:
    """A web side with a route ``/act`` beside its own, whose form anybody may send who is let in."""
    clock = MovedClock()
    access = Access(section, clock)
    hsts_s = section.tls.hsts if section and section.tls else 0.0
    app = create_app(view(clock, **shown), access, hsts_s=hsts_s)
    app.router.routes.append(Route("/act", _act, methods=["GET", "POST"]))
    server = WebServer(app, host, 0, tls)
    server.start()
    try:
        yield Served(f"{'https' if tls else 'http'}://127.0.0.1:{server.port}", access, clock, server)
    finally:
        server.stop(5.0)


async def _act(request: Request) -> Response:
    who = who_asks(request)
    if request.method == "GET":
        return PlainTextResponse(f"{who.name}|{','.join(sorted(who.scopes))}|{who.csrf}")
    form = await checked_form(request)
    return PlainTextResponse(f"{who.name} did {form}")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def field(page: httpx.Response, name: str) -> str:
    """The value of a hidden field."""
    match = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert match, page.text
    return match[1]


def log_in(browser: httpx.Client, name: str = "ada", password: str = PASSWORD, next_: str = "/") -> httpx.Response:
    """By the form of the page, as a browser does."""
    page = browser.get("/login", params={"next": next_})
    form = {"csrf": field(page, "csrf"), "next": field(page, "next"), "name": name, "password": password}
    return browser.post("/login", data=form)
