"""The way of one request through its redirects, gathered into an Exchange."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from prober.curl.asking import Ask
from prober.curl.exchange import PHASES, Exchange, Hop, Request
from prober.curl.transfer import Reading, Transfer
from prober.model import Certificate, Failure
from prober.net import read_certificate

_VERSIONS = {1: "1.0", 2: "1.1", 3: "2", 30: "3"}
_LARGEST_LENGTH = 2**63 - 1
_LINE_KEPT = 256  # bytes; no target fills the memory with what it says only once

Headers = tuple[tuple[str, str], ...]


class Trail:
    """What was seen so far; every hop adds to it and replaces the last answer."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._hops: list[Hop] = []
        self._facts: dict[str, Any] = {}
        self._headers: Headers = ()
        self._trailers: Headers = ()
        self._body: bytes | None = None
        self._certificates: tuple[Certificate, ...] = ()

    def lost(self, ask: Ask, phases: Mapping[str, float]) -> None:
        """Add a hop that never got as far as dialling."""
        self._hops.append(Hop(ask.shown, None, None, phases))
        self._facts = {"ssl": ask.secure, "url": self._hops[-1].url}
        self._headers, self._trailers, self._body, self._certificates = (), (), None, ()

    def add(self, ask: Ask, transfer: Transfer, reading: Reading, address: str, resolve_s: float) -> Headers:
        """Add a hop that was dialled, and return its header fields."""
        phases = _phases(ask, reading, resolve_s)
        seen_at = reading.address or address
        self._hops.append(Hop(ask.shown, transfer.status, seen_at or None, phases))
        self._headers = _fields(transfer.fields)
        self._trailers = _fields(transfer.trailers)
        self._body = bytes(transfer.body) if transfer.ended else None
        self._certificates = tuple(filter(None, map(read_certificate, reading.chain)))
        self._facts = _facts(ask, transfer, reading, seen_at, dict(self._headers))
        self._facts["url"] = self._hops[-1].url
        return self._headers

    def exchange(self, failure: Failure | None) -> Exchange:
        """Everything seen, with ``failure`` where the way ended in one."""
        followed = self._hops[:-1]
        phases = _summed(self._hops) if followed else self._hops[-1].phases if self._hops else {}
        self._facts["redirects"] = len(followed)
        self._facts["redirect_chain"] = [{"url": hop.url, "status": hop.status} for hop in followed]
        if self._request.trace_id:
            self._facts["trace_id"] = self._request.trace_id
        return Exchange(
            self._request,
            tuple(self._hops),
            phases,
            self._facts,
            self._headers,
            self._body,
            self._certificates,
            failure,
            self._trailers,
        )


def _summed(hops: list[Hop]) -> Mapping[str, float]:
    return {
        name: sum(hop.phases[name] for hop in hops if name in hop.phases)
        for name in PHASES
        if any(name in hop.phases for hop in hops)
    }


def _phases(ask: Ask, reading: Reading, resolve_s: float) -> dict[str, float]:
    """Each phase from the end of the one before; time that led nowhere belongs to the phase that was under way."""
    phases = {"resolve": resolve_s}
    marks = [("connect", reading.connect_us)]
    if ask.secure:
        marks.append(("tls", reading.tls_us))
    marks.append(("processing", reading.first_byte_us))
    before = 0
    for name, mark in marks:
        if not mark:
            phases[name] = (reading.total_us - before) / 1e6
            return phases
        # QUIC connects and shakes hands at once, so a later mark may come first.
        mark = max(mark, before)
        phases[name] = (mark - before) / 1e6
        before = mark
    phases["transfer"] = max(0, reading.total_us - before) / 1e6
    return phases


def _fields(lines: list[bytes]) -> Headers:
    return tuple([_field(line) if len(line) <= _LINE_KEPT else _field.__wrapped__(line) for line in lines])


@lru_cache(maxsize=4096)
def _field(line: bytes) -> tuple[str, str]:
    """Name and value; kept, as most answers say word for word what many others said."""
    name, _, value = line.partition(b":")
    return _text(name).strip(), _text(value).strip()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _facts(ask: Ask, transfer: Transfer, reading: Reading, address: str, fields: Mapping[str, str]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "ssl": ask.secure,
        "body_bytes": reading.wire_bytes,
        "uncompressed_bytes": transfer.delivered,
        "truncated": transfer.full or transfer.delivered > len(transfer.body),
    }
    if address:
        facts |= {"remote_address": address, "ip_protocol": 6 if ":" in address else 4}
    if transfer.spoken:
        facts |= {"tls_version": transfer.spoken[0], "tls_cipher": transfer.spoken[1]}
    if transfer.status is not None:
        lower = {name.lower(): value for name, value in fields.items()}
        facts |= {
            "status": transfer.status,
            "http_version": _VERSIONS.get(reading.http_version, "1.1"),
            "content_length": _length(lower.get("content-length", "")),
        }
        modified = lower.get("last-modified")
        if modified and (at := _date(modified)) is not None:
            facts["last_modified"] = at
    return facts


def _length(text: str) -> int:
    known = text.isascii() and text.isdigit() and len(text) < 20
    return min(int(text), _LARGEST_LENGTH) if known else -1


@lru_cache(maxsize=1024)
def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
