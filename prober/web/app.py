"""The routes. All of them are read only, so that GET and HEAD are all there is, but the pages behind signed links and
what passive checks are told by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prober.model import Incident, Verdict
from prober.sinks.prometheus import FAMILIES
from prober.web.artifacts import artifacts
from prober.web.formats import OPENMETRICS, wants_openmetrics
from prober.web.incidents import incident_page
from prober.web.ingest import ingest_routes
from prober.web.pages import templates
from prober.web.probe import probe_page
from prober.web.view import Health, Row, View

REFRESH_S = 10
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

_STYLE = Path(__file__).parent / "static" / "prober.css"
_OURS = frozenset(family.name for family in FAMILIES)


def create_app(view: View) -> Starlette:
    """The web application over ``view``."""
    return Starlette(
        routes=[
            Route("/", _status_page(view)),
            Route("/metrics", _metrics(view)),
            Route("/probe", probe_page(view.probe)),
            Route("/healthz", _health(view.healthy)),
            Route("/readyz", _health(view.ready)),
            Route("/artifacts/{identity}", artifacts(view.artifact)),
            Route("/incidents/{incident_id}/{action}", incident_page(view), methods=["GET", "POST"]),
            *ingest_routes(view.signals),
            Route("/prober.css", _style(_STYLE.read_text())),
        ],
        middleware=[Middleware(_SecurityHeaders), Middleware(GZipMiddleware, compresslevel=1)],
    )


class _SecurityHeaders:
    """Sets the headers every answer must have, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


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


def _style(text: str) -> Callable[[Request], Awaitable[Response]]:
    async def style(request: Request) -> Response:
        return Response(text, media_type="text/css")

    return style


def _status_page(view: View) -> Callable[[Request], Response]:
    template = templates().get_template("status.html")

    def status_page(request: Request) -> Response:
        rows, incidents = view.snapshot(), view.incidents()
        by_check: dict[str, list[Incident]] = {row.check_id: [] for row in rows}
        others = [incident for incident in incidents if incident.check_id not in by_check]
        for incident in incidents:
            by_check.get(incident.check_id, []).append(incident)
        text = template.render(
            rows=sorted(rows, key=lambda row: _badness(row, by_check[row.check_id])),
            incidents=by_check,
            others=others,
            counts={verdict.value: sum(row.state is verdict for row in rows) for verdict in Verdict},
            now=view.clock.wall(),
            region=view.region,
            ready=view.ready(),
            refresh_s=REFRESH_S,
        )
        return HTMLResponse(text)

    return status_page


def _badness(row: Row, incidents: Sequence[Incident]) -> tuple[int, bool, str]:
    """The worst first: that is what someone who opens the page is looking for."""
    order = (Verdict.DOWN, Verdict.UNKNOWN, Verdict.DEGRADED, Verdict.UP)
    return order.index(row.state), not incidents, row.check_id
