"""What stands before the shop: helmet's security headers, rate limits, and the faults that hit any request."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prober.demo.dials import Dials
from prober.demo.refusal import Refusal

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data: https:; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'self'; object-src 'none'; script-src-attr 'none'"
    ),
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "X-Download-Options": "noopen",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-XSS-Protection": "0",
}
Answer = Callable[[Scope, Refusal], ASGIApp]
_SPARED = ("/dials", "/metrics", "/health", "/images/", "/static/")
_KEYS_KEPT = 10_000


class Allowance:
    """At most `most` events per key within `window_s` seconds of that key's first one."""

    def __init__(self, most: int, window_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._window_s = window_s
        self._now = now
        self._windows: dict[str, tuple[float, int]] = {}

    def spend(self, key: str) -> None:
        """Count one event."""
        if len(self._windows) >= _KEYS_KEPT:
            self._windows = {key: window for key, window in self._windows.items() if not self._over(window)}
        opened_s, count = self._window(key)
        self._windows[key] = (opened_s, count + 1)

    def check(self, key: str) -> None:
        """Raises `Refusal` with status 429 when nothing is left until the key's window ends."""
        opened_s, count = self._window(key)
        if count >= self._most:
            left_s = max(1, math.ceil(opened_s + self._window_s - self._now()))
            message = f"Too many attempts. Please try again in {left_s} seconds."
            raise Refusal("rate_limited", message, 429, retry_after_s=left_s)

    def restore(self, key: str) -> None:
        """Forget a key's events."""
        self._windows.pop(key, None)

    def _window(self, key: str) -> tuple[float, int]:
        window = self._windows.get(key)
        return (self._now(), 0) if window is None or self._over(window) else window

    def _over(self, window: tuple[float, int]) -> bool:
        return self._now() >= window[0] + self._window_s


class SecurityHeaders:
    """Middleware that adds the headers of the document's helmet configuration to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; its response carries the headers."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)


class RateLimit:
    """Middleware that answers 429 to a client that asks more often than its allowance."""

    def __init__(self, app: ASGIApp, allowance: Allowance, answer: Answer) -> None:
        self._app = app
        self._allowance = allowance
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request or refuse it."""
        app = self._app
        if scope["type"] == "http":
            client = client_of(scope)
            self._allowance.spend(client)
            try:
                self._allowance.check(client)
            except Refusal as refusal:
                app = self._answer(scope, refusal)
        await app(scope, receive, send)


class Faults:
    """Middleware that delays and fails requests as the dials say; it sleeps, so other requests go on."""

    def __init__(
        self, app: ASGIApp, dials: Callable[[], Dials], route_of: Callable[[str], str], answer: Answer
    ) -> None:
        self._app = app
        self._dials = dials
        self._route_of = route_of
        self._answer = answer
        self._chance = secrets.SystemRandom()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, late or not at all."""
        app = self._app
        if scope["type"] == "http":
            dials = self._dials()
            await asyncio.sleep(self._latency_s(dials, scope["path"]))
            if not scope["path"].startswith(_SPARED) and self._chance.random() < dials.error_rate:
                app = self._answer(scope, Refusal("internal_error", "Something broke on our side.", 500))
        await app(scope, receive, send)

    def _latency_s(self, dials: Dials, path: str) -> float:
        if path == "/dials":
            return 0.0
        return dials.latency_s.get(path, dials.latency_s.get(self._route_of(path), 0.0))


def client_of(scope: Scope) -> str:
    """The peer's address."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
