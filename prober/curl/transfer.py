"""One hop on one libcurl handle: what libcurl calls back into, and what the handle knows at the end."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pycurl

from prober.model import Failure, Reason

HEADER_BYTES = 64 * 1024
HEADER_FIELDS = 100
INTERIM_ANSWERS = 10  # 1xx before the answer proper
CERTIFICATES = 10

_STATUS = re.compile(rb"HTTP/[0-9](?:\.[0-9])? ([1-5][0-9][0-9])(?:[ \r\n]|$)")
_SPOKEN = re.compile(rb"SSL connection using (TLSv[0-9.]+) / ([^ \n]+)")
_ENDS = (b"\r\n", b"\n")
_STOP = 0  # anything but the number of bytes given makes libcurl end the transfer


class Reading(NamedTuple):
    """What a finished handle says; times are microseconds since the transfer began, 0 where not reached."""

    code: int
    message: str
    os_error: int
    proxy_status: int
    verification: int
    http_version: int
    address: str
    wire_bytes: int
    connect_us: int
    tls_us: int
    first_byte_us: int
    total_us: int
    chain: tuple[bytes, ...]


@dataclass(slots=True, eq=False)
class Transfer:
    """A handle on its way through the engine."""

    handle: Any
    authorities: str
    """What tells one CA store from another; empty without TLS."""
    landed: Callable[[], object]
    """Called once there is a reading, or a refusal."""
    keep_bytes: int
    read_bytes: int
    status: int | None = None
    fields: list[bytes] = field(default_factory=list)
    trailers: list[bytes] = field(default_factory=list)
    ended: bool = False
    """Whether the last header is complete."""
    answers: int = 0
    header_bytes: int = 0
    encoded: bool = False
    body: bytearray = field(default_factory=bytearray)
    delivered: int = 0
    """Bytes of the decoded body, kept or not."""
    full: bool = False
    spoken: tuple[str, str] | None = None
    """TLS version and cipher."""
    asked_for_certificate: bool = False
    refused: Failure | None = None
    """Why we ended the transfer ourselves."""
    reading: Reading | None = None
    abandoned: bool = False

    def on_header(self, line: bytes) -> int | None:
        """Take one header line, of which every answer on the way (1xx, a proxy's) brings its own."""
        self.header_bytes += len(line)
        if self.header_bytes > HEADER_BYTES or len(self.fields) >= HEADER_FIELDS:
            return self._refuse(f"header of more than {HEADER_BYTES // 1024} KiB or {HEADER_FIELDS} fields")
        if line.startswith(b"HTTP/"):
            return self._begin(line)
        if line in _ENDS:
            self.ended = True
        elif not self.ended:
            self.fields.append(line)
            if line[:17].lower() == b"content-encoding:":
                return self._note_encoding(line)
        else:
            self.trailers.append(line)
        return None

    def on_body(self, chunk: bytes) -> int | None:
        """Take a piece of the decoded body; libcurl decodes at most 16 KiB at a time."""
        self.delivered += len(chunk)
        room = self.keep_bytes - len(self.body)
        if room > 0:
            self.body += chunk[:room]
        if self.delivered > self.read_bytes:
            self.full = True
            return _STOP
        return None

    def on_debug(self, kind: int, text: bytes) -> None:
        """Watch for what libcurl says nowhere else: the TLS version, and that a certificate was asked for."""
        if kind != pycurl.INFOTYPE_TEXT:
            return
        match = _SPOKEN.match(text)
        if match:
            number = match[1].decode().removeprefix("TLSv")
            self.spoken = f"TLS {number if '.' in number else number + '.0'}", match[2].decode()
        elif b"handshake, Request CERT" in text:
            self.asked_for_certificate = True

    def read(self, code: int, message: str) -> None:
        """Ask the finished handle for everything it knows, before it is used again."""
        info = self.handle.getinfo
        self.reading = Reading(
            code,
            " ".join(message.split()),
            info(pycurl.OS_ERRNO),
            info(pycurl.HTTP_CONNECTCODE),
            info(pycurl.SSL_VERIFYRESULT),
            info(pycurl.INFO_HTTP_VERSION),
            info(pycurl.PRIMARY_IP),
            info(pycurl.SIZE_DOWNLOAD_T),
            info(pycurl.CONNECT_TIME_T),
            info(pycurl.APPCONNECT_TIME_T),
            info(pycurl.STARTTRANSFER_TIME_T),
            info(pycurl.TOTAL_TIME_T),
            _chain(info(pycurl.INFO_CERTINFO)) if self.authorities else (),
        )

    def _begin(self, line: bytes) -> int | None:
        match = _STATUS.match(line)
        self.answers += 1
        if match is None:
            return self._refuse(f"no status line: {line[:64]!r}")
        self.status = int(match[1])
        self.fields.clear()
        self.trailers.clear()
        self.ended = self.encoded = False
        if self.status == 101:
            return self._refuse("101 Switching Protocols, which nobody asked for")
        if self.answers > INTERIM_ANSWERS:
            return self._refuse(f"more than {INTERIM_ANSWERS} interim answers")
        return None

    def _note_encoding(self, line: bytes) -> int | None:
        if self.encoded or b"," in line:
            self.refused = Failure(Reason.DECODE, "the body is encoded more than once")
            return _STOP
        self.encoded = line[17:].strip().lower() not in (b"", b"identity")
        return None

    def _refuse(self, message: str) -> int:
        self.refused = Failure(Reason.HTTP_PROTOCOL, message)
        return _STOP


def _chain(sent: list[tuple[tuple[str, str], ...]]) -> tuple[bytes, ...]:
    pems = (value for fields in sent[:CERTIFICATES] for name, value in fields if name == "Cert")
    return tuple(pem.encode() for pem in pems)
