"""The routes. All of them are read only, so that GET and HEAD are all there is, but the pages behind signed links and
what passive checks are told by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from mimetypes import guess_type
from pathlib import Path

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from prober.sinks.prometheus import FAMILIES
from prober.web.api import api_routes
from prober.web.artifacts import artifacts
from prober.web.auth import Access, Door, Scope, needs
from prober.web.auth.login import login_routes
from prober.web.errors import on_failure, on_refusal
from prober.web.formats import OPENMETRICS, wants_openmetrics
from prober.web.headers import SecurityHeaders
from prober.web.incidents import incident_page, incident_routes
from prober.web.ingest import ingest_routes
from prober.web.pages.board import Board
from prober.web.pages.check import check_page
from prober.web.pages.doing import check_action
from prober.web.pages.frame import STATIC, Pages
from prober.web.pages.health import health_page
from prober.web.pages.live import Live, events
from prober.web.pages.overview import overview
from prober.web.probe import probe_page
from prober.web.runs import run_routes
from prober.web.status import status_routes
from prober.web.view import Health, View

ASSETS = ("prober.css", "prober.js", "icon.svg", "run.css")
"""What pages load: all of it small, and held in memory."""
ASSET_HEADERS = {"cache-control": "max-age=86400"}  # pages name it with its digest, so that a change is seen at once

_OURS = frozenset(family.name for family in FAMILIES)


def create_app(view: View, access: Access | None = None, *, hsts_s: float = 0.0) -> Starlette:
    """The web application over ``view``, behind the door; without ``access`` as without ``web.auth``."""
    access = access or Access(clock=view.clock)
    return Starlette(
        routes=[
            *_pages(view),
            Route("/metrics", _metrics(view)),
            Route("/probe", probe_page(view.probe)),
            Route("/healthz", _health(view.healthy)),
            Route("/readyz", _health(view.ready)),
            Route("/artifacts/{identity}", needs(Scope.READ, artifacts(view.artifact))),
            Route("/incidents/{incident_id}/{action}", incident_page(view), methods=["GET", "POST"]),
            *(Route(f"/{name}", _asset(STATIC / name)) for name in ASSETS),
            *api_routes(view),
            *status_routes(view),
            *login_routes(access),
            *ingest_routes(view.signals),
        ],
        middleware=[
            Middleware(SecurityHeaders, hsts_s=hsts_s),
            Middleware(Door, access=access),
            Middleware(GZipMiddleware, compresslevel=1),
        ],
        exception_handlers={HTTPException: on_refusal, Exception: on_failure},
    )


def _pages(view: View) -> list[Route]:
    """What people look at; the other routes are for machines."""
    pages = Pages(view)
    board = Board(pages)
    return [
        Route("/", needs(Scope.READ, overview(pages, board))),
        Route("/events", needs(Scope.READ, events(Live(board)))),
        Route("/checks/{check_id}", needs(Scope.READ, check_page(pages))),
        Route("/checks/{check_id}/{action}", check_action(pages), methods=["POST"]),
        Route("/health", needs(Scope.READ, health_page(pages))),
        *run_routes(view, pages),
        *incident_routes(view, pages),
    ]


def _metrics(view: View) -> Callable[[Request], Response]:
    def metrics(request: Request) -> Response:
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        format_ = OPENMETRICS if openmetrics else CONTENT_TYPE_PLAIN_0_0_4
        if request.method == "HEAD":
            return Response(media_type=format_)
        # Rendered before the first byte goes out: a fault here is a 500, not half a scrape.
        own = (generate_openmetrics if openmetrics else generate_latest)(_Unclaimed(view.registry))
        return StreamingResponse(_pieces(view, own, openmetrics), media_type=format_)

    return metrics


def _pieces(view: View, own: bytes, openmetrics: bool) -> Iterator[bytes]:
    yield from view.exposition.render(openmetrics=openmetrics)
    yield own


class _Unclaimed(CollectorRegistry):
    """The families of a registry that the exposition does not have: one name twice fails a whole scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            if metric.name not in _OURS and f"{metric.name}_total" not in _OURS:
                yield metric


def _health(ask: Callable[[], Health]) -> Callable[[Request], Awaitable[Response]]:
    async def health(request: Request) -> Response:
        answer = ask()
        return PlainTextResponse(f"{answer.line or 'ok'}\n", status_code=200 if answer.ok else 503)

    return health


def _asset(path: Path) -> Callable[[Request], Awaitable[Response]]:
    content, media_type = path.read_bytes(), guess_type(path.name)[0]

    async def asset(request: Request) -> Response:
        return Response(content, headers=ASSET_HEADERS, media_type=media_type)

    return asset
