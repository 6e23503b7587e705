"""ICMP echo (RFC 792, RFC 4443): a socket for it, the packet, and the answer to it among all that arrives."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from dataclasses import dataclass

from prober.faults import ProbeError
from prober.model import Reason

_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_FORBIDDEN = (errno.EPERM, errno.EACCES, errno.EPROTONOSUPPORT)
_IP_MTU_DISCOVER, _IP_PMTUDISC_DO, _IP_RECVTTL = 10, 2, 12  # linux/in.h; the socket module has no names for them
_HEADER = struct.Struct("!BBHHH")
_LARGEST = 65_535 + 60


@dataclass(frozen=True, slots=True)
class EchoReply:
    """What came back."""

    rtt_s: float
    hop_limit: int | None
    """How many hops the answer had left."""


class Echo:
    """One exchange with one address. ``close`` it."""

    def __init__(
        self, address: str, *, ttl: int | None = None, dont_fragment: bool = False, source: str | None = None
    ) -> None:
        """Raises ProbeError(internal) where no such socket is allowed, OSError for the rest."""
        self._address = address
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket, self._raw = _open(self._family)
        self._identity = int.from_bytes(os.urandom(2))
        self._sequence = int.from_bytes(os.urandom(2))
        try:
            self._configure(ttl, dont_fragment)
            if source:
                self._socket.bind((source, 0))
        except OSError:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    async def ask(self, payload: bytes) -> EchoReply:
        """Send one request and wait for its answer, however long. Raises OSError."""
        loop = asyncio.get_running_loop()
        packet = self._packet(payload)
        sent = loop.time()
        self._socket.sendto(packet, (self._address, 0))
        while True:
            data, hop_limit = await self._receive(loop)
            if self._answers(data, payload):
                return EchoReply(loop.time() - sent, hop_limit)

    def _configure(self, ttl: int | None, dont_fragment: bool) -> None:
        four = self._family == socket.AF_INET
        level = socket.IPPROTO_IP if four else socket.IPPROTO_IPV6
        self._socket.setsockopt(level, _IP_RECVTTL if four else socket.IPV6_RECVHOPLIMIT, 1)
        if ttl is not None:
            self._socket.setsockopt(level, socket.IP_TTL if four else socket.IPV6_UNICAST_HOPS, ttl)
        if dont_fragment and four:
            self._socket.setsockopt(level, _IP_MTU_DISCOVER, _IP_PMTUDISC_DO)

    def _packet(self, payload: bytes) -> bytes:
        kind = _REQUEST[self._family]
        head = _HEADER.pack(kind, 0, 0, self._identity, self._sequence)
        # The kernel reckons it for ICMPv6, whose checksum covers addresses that only it knows.
        total = _checksum(head + payload) if self._family == socket.AF_INET else 0
        return _HEADER.pack(kind, 0, total, self._identity, self._sequence) + payload

    async def _receive(self, loop: asyncio.AbstractEventLoop) -> tuple[bytes, int | None]:
        ready = asyncio.Event()
        loop.add_reader(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._socket)
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_LARGEST, 256)
        except BlockingIOError:
            return b"", None
        limits = [int.from_bytes(value[:4], "little") for _, _, value in ancillary if len(value) >= 4]
        if self._raw and self._family == socket.AF_INET:
            return data[(data[0] & 0x0F) * 4 :], data[8]
        return data, limits[0] if limits else None

    def _answers(self, data: bytes, payload: bytes) -> bool:
        if len(data) < _HEADER.size:
            return False
        kind, code, _, identity, sequence = _HEADER.unpack_from(data)
        # Of a datagram socket the kernel sets the identity, and lets nothing through but answers to it.
        ours = not self._raw or identity == self._identity
        return (
            kind == _REPLY[self._family]
            and code == 0
            and ours
            and sequence == self._sequence
            and data[_HEADER.size :] == payload
        )


def _open(family: socket.AddressFamily) -> tuple[socket.socket, bool]:
    """A socket for ICMP, and whether it is raw; the datagram kind needs no privilege where the system allows it."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind | socket.SOCK_NONBLOCK, _PROTOCOL[family]), kind == socket.SOCK_RAW
        except OSError as error:
            if error.errno not in _FORBIDDEN:
                raise
    raise ProbeError(
        Reason.INTERNAL,
        "no socket for ICMP is allowed: widen net.ipv4.ping_group_range, or give the prober CAP_NET_RAW",
    )


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total: int = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
