"""A DNS server of a few lines (RFC 1035), whose answers are a dict."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Self

NXDOMAIN, SERVFAIL, REFUSED, SILENT = "nxdomain", "servfail", "refused", "silent"

_CODES = {NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5}
_A, _AAAA = 1, 28


@dataclass(slots=True)
class Nameserver:
    """Answers from ``names``: a tuple of addresses, or one of the words above; NXDOMAIN for what is not there."""

    names: dict[str, tuple[str, ...] | str]
    ttl_s: int = 60
    asked: Counter[str] = field(default_factory=Counter)
    """How often each name was asked for, over all types."""
    released: threading.Event | None = None
    """Where set, no answer leaves before this event."""
    _socket: socket.socket | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._socket is not None
        assert self._thread is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    @property
    def place(self) -> str:
        assert self._socket is not None
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def _serve(self) -> None:
        assert self._socket is not None
        while True:
            query, peer = self._socket.recvfrom(4096)
            if not query:
                return
            if self.released is not None:
                self.released.wait(10)
            answer = self._answer(query)
            if answer:
                self._socket.sendto(answer, peer)

    def _answer(self, query: bytes) -> bytes | None:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += query[at] + 1
        name, (wanted,) = ".".join(labels).lower(), struct.unpack_from("!H", query, at + 1)
        self.asked[name] += 1
        found = self.names.get(name, NXDOMAIN)
        if found == SILENT:
            return None
        records = [] if isinstance(found, str) else [r for r in map(self._record, found) if r[2:4] == _type(wanted)]
        code = _CODES[found] if isinstance(found, str) else 0
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0)
        return head + query[12 : at + 5] + b"".join(records)

    def _record(self, address: str) -> bytes:
        packed = ip_address(address).packed
        kind = _A if len(packed) == 4 else _AAAA
        return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttl_s, len(packed)) + packed


def _type(number: int) -> bytes:
    return struct.pack("!H", number)
