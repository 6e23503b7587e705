"""The headers that every answer has, errors included."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Nobody else is told anything. "no-referrer" would have browsers say "Origin: null" on our own forms.
    "referrer-policy": "same-origin",
    "permissions-policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
        "microphone=(), midi=(), payment=(), usb=()"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "origin-agent-cluster": "?1",
    "x-dns-prefetch-control": "off",
    "x-permitted-cross-domain-policies": "none",
    "cache-control": "no-store",
}


class SecurityHeaders:
    """Sets them where an answer has none of its own; ``hsts_s`` is for how long TLS is a must, over TLS."""

    def __init__(self, app: ASGIApp, hsts_s: float = 0.0) -> None:
        self._app = app
        self._hsts = f"max-age={hsts_s:.0f}; includeSubDomains" if hsts_s else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if self._hsts and scope["scheme"] == "https":
                    headers.setdefault("strict-transport-security", self._hsts)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
