"""gRPC checks: the standard health check (grpc.health.v1), spoken over libcurl's HTTP/2.

So its phases, certificates and address are observed as those of every HTTP check, and no gRPC library is needed: the
request is one field, and the answer is another.
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, Field

from prober import USER_AGENT
from prober.curl import Exchange, Request, check_header
from prober.judge.health import STATUSES, HealthExpect
from prober.model import Check, Failure, Observation, Reason
from prober.net import Family, TlsOptions, shown_place
from prober.probes import Context
from prober.secret import Secret

METHOD = "/grpc.health.v1.Health/Check"
UNAVAILABLE, UNKNOWN = 14, 2

_FRAME = struct.Struct("!BI")
_CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
# What an answer means that a proxy gave instead (grpc/doc/http-grpc-status-mapping.md).
_BY_HTTP = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}


def _check_metadata(values: dict[str, Secret]) -> dict[str, Secret]:
    for name, value in values.items():
        check_header(name, value)
    return values


class Spec(Check):
    """A health check over gRPC, on a new connection each run."""

    kind: Literal["grpc"] = "grpc"
    """grpc"""
    address: Annotated[str, AfterValidator(shown_place)]
    """``host:port`` or ``[ipv6]:port``."""
    service: Annotated[str, Field(max_length=1_000)] = ""
    """The service to ask for; empty for the server as a whole."""
    metadata: Annotated[dict[str, Secret], AfterValidator(_check_metadata)] = {}
    """Metadata sent along; held as secrets."""
    tls: bool | TlsOptions = False
    """true speaks TLS; a mapping says how."""
    ip: Family = "any"
    """any, v4 or v6: which addresses of the host are tried."""
    allow_link_local: bool = False
    """Whether link-local and cloud metadata addresses may be dialled."""
    expect: HealthExpect = HealthExpect()
    """What the answer must be."""

    @property
    def address_text(self) -> str:
        return f"{self.address}/{self.service}" if self.service else self.address


def request(check: Spec, ctx: Context) -> Request:
    """What to ask for ``check``."""
    options = check.tls if isinstance(check.tls, TlsOptions) else TlsOptions() if check.tls else None
    extra = tuple((name.lower(), value) for name, value in check.metadata.items())
    return health_request(check.address, check.service, options, extra, check.ip, check.allow_link_local)


def health_request(
    address: str,
    service: str,
    tls: TlsOptions | None,
    metadata: tuple[tuple[str, str | Secret], ...],
    ip: Family = "any",
    allow_link_local: bool = False,
) -> Request:
    """The health check of ``service`` at ``address``, over TLS where there is ``tls``."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    headers = (("Content-Type", "application/grpc"), ("TE", "trailers"), ("User-Agent", USER_AGENT))
    return Request(
        url=f"{'https' if tls else 'http'}://{address}{METHOD}",
        method="POST",
        headers=(*headers, *metadata),
        body=_FRAME.pack(0, len(message)) + message,
        follow=False,
        ip=ip,
        http_version="2",
        tls=tls or TlsOptions(),
        allow_link_local=allow_link_local,
        decode=False,
        keep_bytes=64 * 1024,
        read_bytes=64 * 1024,
    )


def observe(exchange: Exchange) -> Observation:
    """The facts of ``exchange``: the status of gRPC, and of the service."""
    kept = ("remote_address", "ip_protocol", "tls_version", "tls_cipher", "ssl")
    facts = {name: exchange.facts[name] for name in kept if name in exchange.facts}
    failure, code = exchange.failure, _code(exchange)
    facts["grpc_status"] = code
    if code == 0:
        status = _serving_status(exchange.body or b"")
        facts["serving_status"] = STATUSES.get(status, str(status)) if status is not None else None
    if failure is None and code != 0:
        message = unquote(dict(exchange.trailers or exchange.headers).get("grpc-message", ""))
        name = _CODES[code] if code < len(_CODES) else str(code)
        failure = Failure(Reason.STATUS, f"gRPC status {code} {name}{': ' if message else ''}{message[:300]}")
    elif failure is None and facts["serving_status"] is None:
        failure = Failure(Reason.HTTP_PROTOCOL, "the answer is no HealthCheckResponse")
    return Observation(exchange.duration_s, exchange.phases, facts, failure, certificates=exchange.certificates)


def _code(exchange: Exchange) -> int:
    status = exchange.facts.get("status")
    if status is None:
        return UNAVAILABLE
    sent = {name.lower(): value for name, value in (*exchange.headers, *exchange.trailers)}.get("grpc-status", "")
    if sent.isascii() and sent.isdigit() and len(sent) < 4:
        return int(sent)
    return UNKNOWN if status == 200 else _BY_HTTP.get(status, UNKNOWN)


def _serving_status(body: bytes) -> int | None:
    """The ``status`` of a HealthCheckResponse; None where ``body`` is none."""
    if len(body) < _FRAME.size:
        return None
    compressed, length = _FRAME.unpack_from(body)
    message = body[_FRAME.size :]
    if compressed or length != len(message):
        return None
    if not message:
        return 0  # proto3 leaves the first value of an enum out
    if message[0] != 0x08 or len(message) != 2 or message[1] > 0x7F:
        return None
    return message[1]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
