"""The shop's own metrics, with the names, labels and buckets of the platform's monitoring document."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prober.demo.shop import Order

_BUCKETS_S = (0.1, 0.3, 0.5, 0.7, 1, 3, 5, 7, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_LABELS = ("method", "route", "status_code")


class Telemetry:
    """One shop's counters, on a registry of their own."""

    def __init__(self, active_users: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self._durations = Histogram(
            "http_request_duration_seconds",
            "Duration of HTTP requests in seconds",
            _REQUEST_LABELS,
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._requests = Counter(
            "http_requests_total", "Total number of HTTP requests", _REQUEST_LABELS, registry=self.registry
        )
        self._sales = Counter(
            "ticket_sales_total", "Total number of ticket sales", ("event_id", "tier"), registry=self.registry
        )
        self._revenue = Counter(
            "ticket_sales_revenue_total", "Total revenue of ticket sales in euros", registry=self.registry
        )
        users = Gauge("active_users_current", "Current number of active users", registry=self.registry)
        users.set_function(active_users)

    def request(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count one answered request."""
        labels = (method if method in _METHODS else "other", route, str(status))
        self._durations.labels(*labels).observe(duration_s)
        self._requests.labels(*labels).inc()

    def sale(self, order: Order) -> None:
        """Count an order as business, unless monitoring placed it."""
        if order.buyer.synthetic:
            return
        for item in order.items:
            self._sales.labels(item.event_id, item.tier).inc()
        self._revenue.inc(order.amount_cents / 100)


class RequestMetrics:
    """Middleware that reports every request to `telemetry` under the name `route_of` gives its path."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, route_of: Callable[[str], str]) -> None:
        self._app = app
        self._telemetry = telemetry
        self._route_of = route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request and count it when its response ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = self._route_of(scope["path"])
            self._telemetry.request(scope["method"], route, status, time.perf_counter() - started_s)


def is_synthetic(headers: Headers) -> bool:
    """Whether a request comes from monitoring and must not count as business."""
    return "x-synthetic-check" in headers or "prober/" in headers.get("user-agent", "")
