"""The shop as an ASGI application: its routes, its middleware, its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp, Scope

from prober.demo import api, errors, login, operations, pages
from prober.demo.database import Database
from prober.demo.dials import Panel
from prober.demo.guard import Allowance, Faults, RateLimit, SecurityHeaders
from prober.demo.health import Health
from prober.demo.parts import Parts
from prober.demo.refusal import Refusal
from prober.demo.sessions import Sessions
from prober.demo.shop import Shop
from prober.demo.telemetry import RequestMetrics, Telemetry

FAILED_LOGINS_PER_MINUTE = 5
REQUESTS_PER_MINUTE = 60_000
UNMATCHED = "unmatched"

_ROUTES = (
    ("GET", "/", pages.storefront),
    ("GET", "/events/{event_id}", pages.event),
    ("GET", "/images/{event_id}.webp", pages.hero),
    ("GET", "/cart", pages.cart),
    ("POST", "/cart", pages.put_into_cart),
    ("POST", "/cart/remove", pages.take_out_of_cart),
    ("GET", "/login", login.show_login),
    ("GET", "/login/code", login.show_code),
    ("POST", "/auth/login", login.log_in),
    ("POST", "/auth/code", login.verify_code),
    ("POST", "/auth/guest", login.enter_as_guest),
    ("POST", "/auth/logout", login.log_out),
    ("GET", "/checkout", pages.checkout),
    ("GET", "/checkout/payment", pages.checkout),
    ("GET", "/orders/{order_id}", pages.order),
    ("POST", "/orders/{order_id}/cancel", pages.cancel_order),
    ("GET", "/account", pages.account),
    ("GET", "/api/events", api.events),
    ("GET", "/api/events/{event_id}", api.event),
    ("POST", "/api/orders", api.order),
    ("GET", "/api/orders/{order_id}", api.find_order),
    ("POST", "/api/orders/{order_id}/cancel", api.cancel_order),
    ("POST", "/api/orders/{order_id}/refund", api.cancel_order),
    ("GET", "/health", operations.health),
    ("GET", "/health/detailed", operations.health_detailed),
    ("GET", "/metrics", operations.metrics),
    ("GET POST DELETE", "/dials", operations.dials),
)


def create_app(database: Path | None = None) -> Starlette:
    """A shop with fresh state, kept in the SQLite file `database` or, without one, in memory."""
    routes = [Route(path, endpoint, methods=methods.split()) for methods, path, endpoint in _ROUTES]
    route_of = _route_finder(routes)
    templates = {path for _, path, _ in _ROUTES}
    panel = Panel(lambda path: path in templates or route_of(path) != UNMATCHED)
    parts = _assemble(Database(database), panel)

    def answer(scope: Scope, refusal: Refusal) -> ASGIApp:
        return errors.answer(Request({**scope, "app": app}), refusal)

    app = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=pages.STATIC))],
        middleware=[
            Middleware(RequestMetrics, telemetry=parts.telemetry, route_of=route_of),
            Middleware(SecurityHeaders),
            Middleware(RateLimit, allowance=Allowance(REQUESTS_PER_MINUTE, 60), answer=answer),
            Middleware(Faults, dials=lambda: panel.dials, route_of=route_of, answer=answer),
        ],
        exception_handlers={Refusal: _on_refusal, HTTPException: _on_http_exception},
        lifespan=_lifespan,
    )
    app.state.parts = parts
    return app


def _assemble(database: Database, panel: Panel) -> Parts:
    sessions = Sessions(database)
    return Parts(
        database=database,
        shop=Shop(database),
        sessions=sessions,
        panel=panel,
        telemetry=Telemetry(sessions.active_users),
        health=Health(database.answers, lambda: panel.dials.service_down),
        failed_logins=Allowance(FAILED_LOGINS_PER_MINUTE, 60),
        templates=_templates(),
    )


def _templates() -> Jinja2Templates:
    environment = Environment(
        loader=PackageLoader("prober.demo"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(euros=_euros, day=_day)
    return Jinja2Templates(env=environment)


def _euros(cents: int) -> str:
    return f"€{cents / 100:,.2f}"


def _day(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%a %-d %b %Y, %H:%M}"


def _route_finder(routes: list[Route]) -> Callable[[str], str]:
    def route_of(path: str) -> str:
        if path.startswith("/static/"):
            return "/static"
        return next((route.path for route in routes if route.path_regex.match(path)), UNMATCHED)

    return route_of


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    app.state.parts.database.close()


async def _on_refusal(request: Request, error: Exception) -> Response:
    return errors.answer(request, cast(Refusal, error))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    fault = cast(HTTPException, error)
    refusal = Refusal("not_found" if fault.status_code == 404 else "refused", fault.detail, fault.status_code)
    return errors.answer(request, refusal, fault.headers)
