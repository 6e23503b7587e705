"""httpx over libcurl, so that a plain ``httpx.AsyncClient`` gets exact phases."""

from __future__ import annotations

import time

import httpx

from prober.curl.client import Curl
from prober.curl.exchange import MIB, Exchange, Request, check_header
from prober.faults import ProbeError
from prober.model import Reason
from prober.net import Net, TlsOptions

LIMIT_BYTES = 10 * MIB
NO_TIMEOUT_S = 3600.0

_SET_BY_LIBCURL = frozenset({"connection", "content-length", "transfer-encoding"})
_ERRORS: dict[Reason, type[httpx.TransportError]] = {
    Reason.CONNECT_TIMEOUT: httpx.ConnectTimeout,
    Reason.TLS_TIMEOUT: httpx.ConnectTimeout,
    Reason.DNS_TIMEOUT: httpx.ConnectTimeout,
    Reason.TIMEOUT: httpx.ReadTimeout,
    Reason.RESET: httpx.ReadError,
    Reason.PROXY: httpx.ProxyError,
    Reason.CLOSED_EARLY: httpx.RemoteProtocolError,
    Reason.TRUNCATED: httpx.RemoteProtocolError,
    Reason.HTTP_PROTOCOL: httpx.RemoteProtocolError,
}


class CurlTransport(httpx.AsyncBaseTransport):
    """Sends each request over a new connection of ``curl``; redirects and cookies stay httpx's business.

    ``response.extensions["phases"]`` holds the seconds by phase, ``["exchange"]`` the whole Exchange. The longest of
    httpx's timeouts is the deadline of the whole request. Bodies over 10 MiB raise httpx.ReadError.
    """

    def __init__(self, curl: Curl, net: Net, *, tls: TlsOptions | None = None) -> None:
        self._curl = curl
        self._net = net
        self._tls = tls or TlsOptions()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``. Raises the httpx.TransportError that fits what happened, from a ProbeError."""
        deadline = time.monotonic() + _timeout_s(request)
        exchange = await self._curl.fetch(await self._translate(request), self._net, deadline)
        failure = exchange.failure
        if failure is not None:
            error = _ERRORS.get(failure.reason, httpx.ConnectError)(failure.message, request=request)
            raise error from ProbeError(failure.reason, failure.message)
        if exchange.facts["truncated"]:
            raise httpx.ReadError(f"body of more than {LIMIT_BYTES} bytes", request=request)
        return _response(exchange)

    async def _translate(self, request: httpx.Request) -> Request:
        headers = tuple((k, v) for k, v in request.headers.multi_items() if k.lower() not in _SET_BY_LIBCURL)
        for name, value in headers:
            try:
                check_header(name, value)
            except ValueError as error:
                raise httpx.LocalProtocolError(str(error), request=request) from None
        return Request(
            url=str(request.url),
            method=request.method,
            headers=headers,
            body=await request.aread() or None,
            follow=False,
            tls=self._tls,
            decode=False,
            keep_bytes=LIMIT_BYTES,
            read_bytes=LIMIT_BYTES,
        )


def _timeout_s(request: httpx.Request) -> float:
    given = request.extensions.get("timeout", {})
    limits = [value for value in given.values() if value is not None]
    return max(limits) if limits else NO_TIMEOUT_S


def _response(exchange: Exchange) -> httpx.Response:
    version = f"HTTP/{exchange.facts['http_version']}".encode()
    return httpx.Response(
        exchange.facts["status"],
        headers=[(name.encode(), value.encode()) for name, value in exchange.headers],
        content=exchange.body,
        extensions={"phases": exchange.phases, "exchange": exchange, "http_version": version},
    )
