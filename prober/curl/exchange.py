"""What is asked over HTTP, and what came of it, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prober.model import Certificate, Failure
from prober.net import Family, TlsOptions
from prober.secret import Secret
from prober.values import record

HttpVersion = Literal["auto", "1.1", "2", "3"]

MIB = 1024 * 1024
REDIRECTS = 10  # followed unless the request says otherwise
DEFAULT_TLS = TlsOptions()
PHASES = ("resolve", "connect", "tls", "processing", "transfer")

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token of RFC 9110 section 5.6.2
_FORBIDDEN = re.compile(r"[\x00\r\n]")


def check_header(name: str, value: str | Secret) -> None:
    """Raise ValueError for a header that would not stay one line; the value is never part of the message."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"header {name!r}: not a header name")
    if _FORBIDDEN.search(value.reveal() if isinstance(value, Secret) else value):
        raise ValueError(f"header {name}: the value holds a line break or a NUL")


@dataclass(frozen=True, slots=True)
class Request:
    """One request and how to make it. The defaults are those of a check."""

    url: str
    """http or https, the host in ASCII."""
    method: str = "GET"
    headers: tuple[tuple[str, str | Secret], ...] = ()
    """Secret values are left out once a redirect crosses origins."""
    body: bytes | Secret | None = None
    follow: bool = True
    max_redirects: int = REDIRECTS
    allow_downgrade: bool = False
    """Whether a redirect may lead from https to http."""
    ip: Family = "any"
    resolve: str | None = None
    """The address to dial for the URL's host, instead of asking a resolver."""
    http_version: HttpVersion = "auto"
    proxy: Secret | None = None
    """``http://`` or ``socks5h://``; the proxy then resolves the target's name."""
    tls: TlsOptions = DEFAULT_TLS
    allow_link_local: bool = False
    decode: bool = True
    """Whether to ask for compressed bodies and decode them."""
    keep_bytes: int = MIB
    """How much of the decoded body is kept."""
    read_bytes: int = 10 * MIB
    """How much of the decoded body is read before the transfer is ended."""
    trace_id: str = ""
    """The trace its headers tell of; becomes a fact."""


@record(frozen=True, slots=True)
class Hop:
    """One request and its answer on the way through redirects."""

    url: str
    """Without credentials."""
    status: int | None
    address: str | None
    phases: Mapping[str, float]


@record(frozen=True, slots=True)
class Exchange:
    """What came of a Request: everything that was seen, also when it failed."""

    request: Request
    hops: tuple[Hop, ...]
    phases: Mapping[str, float]
    """Seconds by phase, summed over the hops; a phase that did not take place is missing."""
    facts: Mapping[str, Any]
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    certificates: tuple[Certificate, ...] = ()
    failure: Failure | None = None
    trailers: tuple[tuple[str, str], ...] = ()
    """Fields that came after the body."""
    duration_s: float = field(init=False)
    """The sum of the phases."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "duration_s", sum(self.phases.values()))

    @property
    def status(self) -> int | None:
        """The status code of the last answer; None when there was none."""
        status: int | None = self.facts.get("status")
        return status
