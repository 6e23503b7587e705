"""How notifiers post JSON: one client per channel, bounded replies, answers sorted into Retryable and Permanent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator

from prober.clock import Clock, SystemClock
from prober.faults import Permanent, Retryable, describe
from prober.notify import Receipt
from prober.secret import Redactor, Secret

LEAKY_LOGGERS = ("httpx", "httpcore")
"""Loggers of the standard library's ``logging`` that write whole URLs, and with them tokens, below WARNING."""

REPLY_BYTES = 4096
REPLY_WAIT_S = 2.0
PHASE_TIMEOUT_S = 10.0
_LATER = frozenset({408, 425, 429})


def _web_url(url: Secret) -> Secret:
    try:
        parts = urlsplit(url.reveal())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.reveal().isprintable() or " " in url.reveal():
        raise ValueError("expected a URL such as https://host/path")
    return url


WebUrl = Annotated[Secret, AfterValidator(_web_url)]
"""An http(s) URL that is a secret as a whole, since services put their tokens into the path."""


class Poster:
    """Posts JSON to one URL that is shown nowhere. The connection is opened in the loop that first posts."""

    def __init__(self, url: Secret, clock: Clock | None = None) -> None:
        self._url = url
        self._clock = clock or SystemClock()
        self._redactor = Redactor((url, Secret(urlsplit(url.reveal()).path)))
        self._client: httpx.AsyncClient | None = None

    async def post(self, payload: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Receipt:
        """Post ``payload`` once; any 2xx is success.

        Raises Retryable for network failures, 408, 425, 429 and 5xx (with ``Retry-After`` where sent), and
        Permanent for every other answer.
        """
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        try:
            async with self._opened().stream("POST", self._url.reveal(), content=body, headers=headers) as answer:
                return self._receipt(answer, await _head(answer))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as fault:
            raise Permanent(f"the request cannot be made: {type(fault).__name__}") from None
        except httpx.RequestError as fault:
            raise Retryable(self._redactor.text(f"{type(fault).__name__}: {describe(fault)}")) from None

    async def close(self) -> None:
        """Give up the connection; a later post opens a new one."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=PHASE_TIMEOUT_S,
                headers={
                    "User-Agent": f"prober/{version('prober')}",
                    "Content-Type": "application/json",
                    "Accept-Encoding": "identity",
                },
            )
        return self._client

    def _receipt(self, answer: httpx.Response, head: bytes) -> Receipt:
        text = self._redactor.text(" ".join(head.decode("utf-8", "replace").split()))[:200]
        if answer.is_success:
            return Receipt(answer.status_code, text)
        said = f"answered {answer.status_code}" + (f": {text}" if text else "")
        if answer.status_code in _LATER or answer.status_code >= 500:
            raise Retryable(said, retry_after_s(answer.headers.get("Retry-After"), self._clock.wall()))
        raise Permanent(said)


def retry_after_s(value: str | None, now: float) -> float | None:
    """``Retry-After`` (RFC 9110, 10.2.3) in seconds from ``now``, whether it came as a number or as a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


async def _head(answer: httpx.Response) -> bytes:
    # The status decides; a reply that drips, breaks off or never ends must not turn an accepted notice into a retry.
    head = b""
    with contextlib.suppress(TimeoutError, httpx.RequestError):
        async with asyncio.timeout(REPLY_WAIT_S):
            async for piece in answer.aiter_raw(REPLY_BYTES):
                head += piece
                if len(head) >= REPLY_BYTES:
                    break
    return head[:REPLY_BYTES]
