"""The words everything is said in: verdicts, the closed list of reasons, durations and identifiers."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema


class Verdict(StrEnum):
    """What one run says of its check; ``unknown`` means the prober itself failed and is never downtime."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a result is what it is: closed, so that it can be a metric label, a log field and an alert text."""

    OK = "ok"
    # the name
    DNS = "dns"
    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_NODATA = "dns_nodata"
    DNS_SERVFAIL = "dns_servfail"
    DNS_REFUSED = "dns_refused"
    DNS_TIMEOUT = "dns_timeout"
    # the connection
    ADDRESS_BLOCKED = "address_blocked"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT = "connect"
    UNREACHABLE = "unreachable"
    CLOSED_EARLY = "closed_early"
    RESET = "reset"
    PROXY = "proxy"
    # TLS
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET = "tls_not_yet"
    TLS_HOSTNAME = "tls_hostname"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_HANDSHAKE = "tls_handshake"
    TLS_TIMEOUT = "tls_timeout"
    TLS_VERSION = "tls_version"
    CERTIFICATE = "certificate"
    # the answer
    TIMEOUT = "timeout"
    HTTP_PROTOCOL = "http_protocol"
    TRUNCATED = "truncated"
    DECODE = "decode"
    BODY_LIMIT = "body_limit"
    REDIRECT_LOOP = "redirect_loop"
    REDIRECT_LIMIT = "redirect_limit"
    REDIRECT_INVALID = "redirect_invalid"
    REDIRECT_BLOCKED = "redirect_blocked"
    REDIRECT_DOWNGRADE = "redirect_downgrade"
    # what was expected of it
    STATUS = "status"
    HEADER = "header"
    BODY = "body"
    JSON = "json"
    DIALOGUE = "dialogue"
    LATENCY = "latency"
    BUDGET = "budget"
    # journeys
    STEP = "step"
    STEP_TIMEOUT = "step_timeout"
    NAVIGATION = "navigation"
    PAGE_HUNG = "page_hung"
    PAGE_CRASH = "page_crash"
    SCRIPT_ERROR = "script_error"
    DEADLINE = "deadline"
    # the prober's own
    NO_BROWSER = "no_browser"
    BROWSER_CRASH = "browser_crash"
    OUT_OF_MEMORY = "out_of_memory"
    FD_EXHAUSTED = "fd_exhausted"
    LOOP_STALLED = "loop_stalled"
    RESOLVER_DOWN = "resolver_down"
    NO_LOCAL_ROUTE = "no_local_route"
    EGRESS_DOWN = "egress_down"
    INTERNAL = "internal"

    @property
    def ours(self) -> bool:
        """Whether the prober is to blame, which makes the result ``unknown`` instead of ``down``."""
        return self in _OURS


_OURS = frozenset(
    {
        Reason.NO_BROWSER,
        Reason.BROWSER_CRASH,
        Reason.OUT_OF_MEMORY,
        Reason.FD_EXHAUSTED,
        Reason.LOOP_STALLED,
        Reason.RESOLVER_DOWN,
        Reason.NO_LOCAL_ROUTE,
        Reason.EGRESS_DOWN,
        Reason.INTERNAL,
    }
)

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?", re.ASCII)
_UNITS_S = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)


def parse_duration(text: object) -> float:
    """``900ms``, ``5s``, ``1m30s``, ``2h``, ``7d`` as seconds.

    Raises ValueError for anything else: a bare number has no unit, so it is refused rather than guessed at.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if match is None:
        raise ValueError("expected a duration with a unit such as 900ms, 5s, 1m30s or 2h")
    return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS_S, strict=True) if part)


def format_duration(seconds: float) -> str:
    """Seconds as a person writes them: ``340ms``, ``5s``, ``1m30s``, ``2h``; the inverse of ``parse_duration``."""
    if seconds < 1:
        return f"{seconds * 1000:.3g}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    parts, rest = [], round(seconds)
    for letter, unit in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, unit)
        if amount:
            parts.append(f"{amount}{letter}")
    return "".join(parts)


def format_lasting(seconds: float) -> str:
    """How long something lasts or lasted, as exactly as anybody cares: ``12m5s``, ``3h20m``, ``4d15h``; never less
    than none, since clocks differ.
    """
    unit = 3_600 if seconds >= 86_400 else 60 if seconds >= 3_600 else 1
    return format_duration(float(max(0, round(seconds / unit) * unit)))


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "examples": ["900ms", "5s", "1m30s"]}
    ),
]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class Strict(BaseModel):
    """The ground of every model a user writes: unknown keys are errors, nothing is coerced, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)
