"""How sinks post over HTTP: one connection, bounded replies, answers sorted into Retryable and Permanent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from prober import USER_AGENT
from prober.faults import Permanent, Retryable, UserFault, describe
from prober.secret import Redactor, Secret

if TYPE_CHECKING:
    import httpx  # a configuration that is only read needs none of it

TIMEOUT_S = 10.0
REPLY_BYTES = 65_536
SHOWN_CHARS = 200


def _check_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("expected a URL without credentials, such as https://host/path")
    return text


def _check_value(value: Secret) -> Secret:
    text = value.reveal()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("expected a header value of printable ASCII on one line")
    return value


Url = Annotated[str, AfterValidator(_check_url)]
"""An http(s) URL without a secret in it."""
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[Secret, AfterValidator(_check_value)]
Headers = dict[HeaderName, HeaderValue]


class Post:
    """Posts bodies to one URL; ``may_pass`` says which statuses are worth another try. Used by one thread.

    ``on_answer`` is told the status and the headers of every answer.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str | Secret],
        may_pass: Callable[[int], bool],
        on_answer: Callable[[int, Mapping[str, str]], None] = lambda status, headers: None,
    ) -> None:
        self._url = url
        self._headers = {
            name: value.reveal() if isinstance(value, Secret) else value for name, value in headers.items()
        }
        self._redactor = Redactor(value for value in headers.values() if isinstance(value, Secret))
        self._may_pass = may_pass
        self._on_answer = on_answer
        self._client: httpx.Client | None = None

    def __call__(self, body: bytes, more: Mapping[str, str] | None = None) -> bytes:
        """What is answered to ``body`` with ``more`` headers, as far as it is read. Raises Retryable or Permanent."""
        import httpx

        if self._client is None:
            self._client = httpx.Client(timeout=TIMEOUT_S, headers={"User-Agent": USER_AGENT, **self._headers})
        try:
            with self._client.stream("POST", self._url, content=body, headers=more) as answer:
                reply = _head(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise Retryable(f"{type(fault).__name__}: {self._shown(describe(fault))}") from None
        self._on_answer(answer.status_code, answer.headers)
        if answer.is_success:
            return reply
        said = f"answered {answer.status_code}: {self._shown(reply.decode('utf-8', 'replace'))}"
        if self._may_pass(answer.status_code):
            raise Retryable(said, _retry_after_s(answer.headers.get("Retry-After")))
        raise Permanent(said)

    def close(self) -> None:
        """Give up the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _shown(self, text: str) -> str:
        return self._redactor.text(" ".join(text.split()))[:SHOWN_CHARS]


def _head(answer: httpx.Response) -> bytes:
    reply = b""
    for piece in answer.iter_bytes():
        reply += piece
        if len(reply) >= REPLY_BYTES:
            break
    return reply[:REPLY_BYTES]


def _retry_after_s(value: str | None) -> float | None:
    from urllib3.exceptions import InvalidHeader
    from urllib3.util.retry import Retry

    try:
        return Retry().parse_retry_after(value) if value else None
    except InvalidHeader:
        return None


def require_extra(kind: str, module: str, extra: str) -> None:
    """Raise UserFault where ``module``, which sinks of ``kind`` need, is not installed."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:  # of the package above it
        found = None
    if found is None:
        raise UserFault(f"a sink of kind {kind} needs the extra {extra}: pip install 'prober[{extra}]'")
