"""DNS checks: one question to one server, over UDP, TCP or TLS, and every record of the answer observed."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from prober.faults import ProbeError, classify, describe
from prober.judge import DnsExpect
from prober.model import Check, Failure, Observation, Reason
from prober.net import (
    Family,
    Stream,
    TlsOptions,
    dial,
    failed_connect,
    failed_verification,
    guard,
    joined,
    read_place,
    shown_place,
    tls_context,
)
from prober.probes import Context

if TYPE_CHECKING:
    import dns.message
    import dns.rrset

PORT, TLS_PORT = 53, 853
LARGEST_BYTES = 65_535
RECORDS_KEPT = 100
SECTIONS = ("answer", "authority", "additional")

_LATE = {
    "resolve": (Reason.DNS_TIMEOUT, "name of the server not resolved"),
    "connect": (Reason.CONNECT_TIMEOUT, "no connection"),
    "tls": (Reason.TLS_TIMEOUT, "TLS handshake not finished"),
    "request": (Reason.TIMEOUT, "no answer"),
}


def read_type(text: str) -> str:
    """A type of record in upper case. Raises ValueError."""
    import dns.rdatatype

    try:
        return dns.rdatatype.to_text(dns.rdatatype.from_text(text.upper()))
    except (dns.rdatatype.UnknownRdatatype, ValueError):
        raise ValueError("expected a type of record such as A, AAAA, MX, TXT or SOA") from None


def _check_name(text: str) -> str:
    import dns.exception
    import dns.name

    try:
        return dns.name.from_text(text).to_text()
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"not a name: {error}") from None


class Spec(Check):
    """A question to a DNS server."""

    kind: Literal["dns"] = "dns"
    """dns"""
    server: str
    """The server to ask: ``host``, ``host:port`` or ``[ipv6]:port``; port 53 when missing, 853 over TLS."""
    name: Annotated[str, AfterValidator(_check_name)]
    """The name to ask for."""
    type: Annotated[str, AfterValidator(read_type)] = "A"
    """The type of record to ask for."""
    class_: Annotated[Literal["IN", "CH", "HS", "ANY", "NONE"], Field(alias="class")] = "IN"
    """The class of record to ask for."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """udp, tcp, or tls (RFC 7858)."""
    recursion: bool = True
    """Whether the server is to ask others where it does not know."""
    ip: Family = "any"
    """any, v4 or v6: which addresses of the server are tried."""
    tls: TlsOptions = TlsOptions()
    """How TLS is spoken, where it is."""
    allow_link_local: bool = False
    """Whether link-local and cloud metadata addresses may be asked."""
    expect: DnsExpect = DnsExpect()
    """What the answer must be."""

    @model_validator(mode="after")
    def _server_is_a_place(self) -> Spec:
        read_place(self.server, self.port)
        return self

    @property
    def port(self) -> int:
        """The port that is meant where none is written."""
        return TLS_PORT if self.transport == "tls" else PORT

    @property
    def address_text(self) -> str:
        return f"{shown_place(self.server, self.port)}/{self.name}"


async def probe(check: Spec, ctx: Context) -> Observation:
    """Run ``check`` once, within ``ctx.deadline``. Raises nothing but CancelledError."""
    return await conduct(Run(check, ctx))


async def conduct(run: Run) -> Observation:
    """Let ``run`` go its way, within its deadline. Raises nothing but CancelledError."""
    failure = None
    try:
        async with asyncio.timeout(run.ctx.remaining_s()):
            await run.go()
    except ProbeError as error:
        failure = Failure(error.reason, error.message)
    except TimeoutError:
        failure = run.late()
    except OSError as error:  # ssl.SSLError is one too
        failure = run.broken(error)
    finally:
        run.close()
    return run.observation(failure)


class Run:
    """One run: the phase it is in, and what it has seen."""

    def __init__(self, check: Spec, ctx: Context) -> None:
        self.check = check
        self.ctx = ctx
        self.facts: dict[str, Any] = {"query_succeeded": False}
        self._host, self._port = read_place(check.server, check.port)
        self._place = joined(self._host, self._port)
        self._rest_s = ctx.remaining_s()
        self._phase = "resolve"
        self._phases: dict[str, float] = {}
        self._addresses: tuple[str, ...] = ()
        self._socket: socket.socket | None = None
        self._stream: Stream | None = None

    async def go(self) -> None:
        """Go through the phases. Raises ProbeError, OSError, TimeoutError."""
        import dns.flags
        import dns.message

        question = dns.message.make_query(self.check.name, self.check.type, self.check.class_, use_edns=False)
        if not self.check.recursion:
            question.flags &= ~dns.flags.RD
        with self._timed("resolve"):
            self._addresses = await self.resolve(self._host)
            address = self._addresses[0]
            self.facts |= {"remote_address": address, "ip_protocol": 6 if ":" in address else 4}
        await self._connect(address)
        with self._timed("request"):
            self._read(await (self._over_udp(question) if self._stream is None else self._over_tcp(question)))

    async def resolve(self, host: str) -> tuple[str, ...]:
        """The server's addresses, all of which may be asked. Raises ProbeError."""
        found = await self.ctx.net.resolve(host, self.check.ip, self.ctx.deadline, self.ctx.clock)
        for address in found.addresses:
            guard(address, allow_link_local=self.check.allow_link_local, after_public=False)
        return found.addresses

    async def _connect(self, address: str) -> None:
        context = tls_context(self.check.tls) if self.check.transport == "tls" else None
        with self._timed("connect"):
            if self.check.transport == "udp":
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                self._socket.connect((address, self._port))
            else:
                self._socket, _ = await dial((address,), self._port)
                self._stream = Stream(self._socket)
        if context is not None and self._stream is not None:
            with self._timed("tls"):
                await self._stream.secure(context, self.check.tls.server_name or self._host)

    async def _over_udp(self, question: dns.message.Message) -> dns.message.Message:
        loop, connection = asyncio.get_running_loop(), self._socket
        if connection is None:
            raise ProbeError(Reason.INTERNAL, "there is no socket to ask by")
        await loop.sock_sendall(connection, question.to_wire())
        while True:  # what answers another question is somebody else's
            answer = self._message(await loop.sock_recv(connection, LARGEST_BYTES))
            if question.is_response(answer):
                return answer

    async def _over_tcp(self, question: dns.message.Message) -> dns.message.Message:
        stream = self._stream
        if stream is None:
            raise ProbeError(Reason.INTERNAL, "there is no connection to ask by")
        wire = question.to_wire()
        await stream.send(struct.pack("!H", len(wire)) + wire)
        heard = b""
        while len(heard) < 2 or len(heard) < 2 + int.from_bytes(heard[:2]):
            piece = await stream.receive()
            if not piece:
                raise ProbeError(Reason.CLOSED_EARLY, f"{self._place}: closed the connection without an answer")
            heard += piece
        answer = self._message(heard[2 : 2 + int.from_bytes(heard[:2])])
        if not question.is_response(answer):
            raise ProbeError(Reason.DNS, f"{self._place}: answered another question")
        return answer

    def _message(self, wire: bytes) -> dns.message.Message:
        import dns.exception
        import dns.message

        try:
            return dns.message.from_wire(wire, one_rr_per_rrset=True, ignore_trailing=True)
        except (dns.exception.DNSException, ValueError) as error:
            raise ProbeError(Reason.DNS, f"{self._place}: not a DNS message: {describe(error)}") from None

    def _read(self, answer: dns.message.Message) -> None:
        import dns.flags
        import dns.rcode
        import dns.rdatatype

        self.facts |= {
            "query_succeeded": True,
            "rcode": dns.rcode.to_text(answer.rcode()),
            "authoritative": bool(answer.flags & dns.flags.AA),
            "truncated": bool(answer.flags & dns.flags.TC),
        }
        for name in SECTIONS:
            records: list[dns.rrset.RRset] = getattr(answer, name)
            self.facts |= {f"{name}_count": len(records), name: list(map(_text, records[:RECORDS_KEPT]))}
        serials = [one[0].serial for one in answer.answer if one.rdtype == dns.rdatatype.SOA and one]
        if serials:
            self.facts["serial"] = serials[0]

    def late(self) -> Failure:
        """What running out of time means in the phase it happened in."""
        reason, words = _LATE[self._phase]
        return Failure(reason, f"{self._place}: {words} within {self._rest_s:.2f}s")

    def broken(self, error: OSError) -> Failure:
        """What an error of socket or TLS means in the phase it happened in."""
        if isinstance(error, ssl.SSLCertVerificationError):
            name = self.check.tls.server_name or self._host
            return failed_verification(error.verify_code, name, error.verify_message)
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return Failure(Reason.CLOSED_EARLY, f"{self._place}: closed the connection during the TLS handshake")
        if self._phase == "connect" and error.errno:
            return failed_connect(error.errno, self._place, self._addresses)
        return Failure(classify(error), f"{self._place}: {describe(error)} ({self._phase})")

    def observation(self, failure: Failure | None) -> Observation:
        """Everything seen, with ``failure`` where there was one."""
        spoken = self._stream.spoken if self._stream else None
        if spoken:
            self.facts |= {"tls_version": spoken[0], "tls_cipher": spoken[1]}
        return Observation(
            duration_s=sum(self._phases.values()),
            phases=self._phases,
            facts=self.facts,
            failure=failure,
            certificates=self._stream.certificates if self._stream else (),
        )

    def close(self) -> None:
        if self._socket:
            self._socket.close()

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        self._phase = phase
        start = self.ctx.clock.monotonic()
        try:
            yield
        finally:
            self._phases[phase] = self.ctx.clock.monotonic() - start


def _text(record: dns.rrset.RRset) -> str:
    """One record as a line of a zone file, its fields between tabs."""
    import dns.rdataclass
    import dns.rdatatype

    name, kind = record.name.to_text(), dns.rdatatype.to_text(record.rdtype)
    data = record[0].to_text() if record else ""
    return f"{name}\t{record.ttl}\t{dns.rdataclass.to_text(record.rdclass)}\t{kind}\t{data}"
