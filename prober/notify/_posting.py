"""How notifiers post JSON: one client per channel, bounded replies, answers sorted into Retryable and Permanent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field

from prober.clock import Clock, SystemClock
from prober.faults import DeliveryFault, Permanent, Retryable, describe
from prober.notify import Receipt
from prober.secret import Redactor, Secret

if TYPE_CHECKING:
    import httpx  # a configuration that is only read needs none of it

LEAKY_LOGGERS = ("httpx", "httpcore")
"""Loggers of the standard library's ``logging`` that write whole URLs, and with them tokens, below WARNING."""

REPLY_BYTES = 4096
MESSAGE_REPLY_BYTES = 65_536
"""For services that answer with the message they made, in which its id is somewhere."""
REPLY_WAIT_S = 2.0
PHASE_TIMEOUT_S = 10.0
SHOWN_CHARS = 200
_LATER = frozenset({408, 425, 429})


def _is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and url.isprintable() and " " not in url


def _web_url(url: Secret) -> Secret:
    if not _is_web_url(url.reveal()):
        raise ValueError("expected a URL such as https://host/path")
    return url


def _public_url(url: str) -> str:
    if not _is_web_url(url) or "@" in urlsplit(url).netloc:
        raise ValueError("expected a URL without credentials, such as https://host/path")
    return url


def _header_value(value: Secret) -> Secret:
    text = value.reveal()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("expected a header value of printable ASCII on one line")
    return value


WebUrl = Annotated[Secret, AfterValidator(_web_url)]
"""An http(s) URL that is a secret as a whole, since services put their tokens into the path."""
PublicUrl = Annotated[str, AfterValidator(_public_url)]
"""An http(s) URL without a secret in it."""
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[Secret, AfterValidator(_header_value)]
"""A secret that can stand in a request's header."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said, as far as it was read."""

    status: int
    text: str
    """Its beginning on one line, with no secret in it."""
    body: bytes
    after_s: float | None = None
    """``Retry-After``."""

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object it is; empty where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be taken later: 408, 425, 429 and 5xx."""
        return self.status in _LATER or self.status >= 500

    def fault(self, after_s: float | None = None) -> DeliveryFault:
        """What this answer is where it is no success; ``after_s`` where the service says when by means of its own."""
        said = f"answered {self.status}" + (f": {self.text}" if self.text else "")
        return Retryable(said, self.after_s if after_s is None else after_s) if self.may_pass else Permanent(said)

    def receipt(self, reference: str = "") -> Receipt:
        """The receipt for a success. Raises Retryable or Permanent for anything else."""
        if not self.is_success:
            raise self.fault()
        return Receipt(self.status, self.text, reference)


class Poster:
    """Posts JSON; ``hide`` is shown nowhere. The connections are opened in the loop that first posts."""

    def __init__(
        self, hide: Iterable[Secret | str] = (), clock: Clock | None = None, reply_bytes: int = REPLY_BYTES
    ) -> None:
        import httpx  # noqa: F401 - so that the first post need not wait for it

        self._clock = clock or SystemClock()
        self._redactor = Redactor(hide)
        self._reply_bytes = reply_bytes
        self._client: httpx.AsyncClient | None = None

    async def post(self, url: str, payload: Any, headers: Mapping[str, str] | None = None) -> Receipt:
        """Post ``payload`` once; any 2xx is success.

        Raises Retryable for network failures, 408, 425, 429 and 5xx (with ``Retry-After`` where sent), and
        Permanent for every other answer.
        """
        return (await self.ask(url, payload, headers)).receipt()

    async def ask(
        self, url: str, payload: Any, headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> Answer:
        """What is answered to ``payload``, or to bytes as they are. Raises Retryable where nothing is."""
        import httpx

        body = payload if isinstance(payload, bytes) else encoded(payload)
        try:
            async with self._opened().stream(method, url, content=body, headers=headers) as answer:
                return self._answer(answer, await _head(answer, self._reply_bytes))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as fault:
            raise Permanent(f"the request cannot be made: {type(fault).__name__}") from None
        except httpx.RequestError as fault:
            raise Retryable(self.shown(f"{type(fault).__name__}: {describe(fault)}")) from None

    def shown(self, text: str) -> str:
        """The beginning of ``text`` on one line, with no secret in it."""
        return self._redactor.text(" ".join(text.split()))[:SHOWN_CHARS]

    async def close(self) -> None:
        """Give up the connections; a later post opens new ones."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    def _opened(self) -> httpx.AsyncClient:
        import httpx

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

    def _answer(self, answer: httpx.Response, head: bytes) -> Answer:
        after_s = retry_after_s(answer.headers.get("Retry-After"), self._clock.wall())
        text = self.shown(head[:REPLY_BYTES].decode("utf-8", "replace"))
        return Answer(answer.status_code, text, head, after_s)


def encoded(payload: Any) -> bytes:
    """``payload`` as the bytes of its JSON."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def secrets_of(url: Secret) -> tuple[str, ...]:
    """What of ``url`` must not be shown: the whole, and the parts a service may answer with."""
    parts = urlsplit(url.reveal())
    return tuple(filter(None, (url.reveal(), parts.path, parts.query, unquote(parts.password or ""))))


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


async def _head(answer: httpx.Response, most: int) -> bytes:
    import httpx

    # The status decides; a reply that drips, breaks off or never ends must not turn an accepted notice into a retry.
    head = b""
    with contextlib.suppress(TimeoutError, httpx.RequestError):
        async with asyncio.timeout(REPLY_WAIT_S):
            async for piece in answer.aiter_raw(REPLY_BYTES):
                head += piece
                if len(head) >= most:
                    break
    return head[:most]
