"""The HTTP engine: a Request goes in, an Exchange with exact phases comes out, whatever the target does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prober.curl.client import Curl, Way
from prober.curl.exchange import Exchange, Hop, HttpVersion, Request, check_header
from prober.curl.urls import Url, read_url

if TYPE_CHECKING:
    from prober.curl.transport import CurlTransport

__all__ = [
    "Curl",
    "CurlTransport",
    "Exchange",
    "Hop",
    "HttpVersion",
    "Request",
    "Url",
    "Way",
    "check_header",
    "read_url",
]


def __getattr__(name: str) -> Any:
    # A check needs no httpx, which takes longer to import than all the rest.
    if name == "CurlTransport":
        from prober.curl.transport import CurlTransport

        return CurlTransport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
