"""TCP checks: connect, shake hands where TLS is wanted, and hold a dialogue over bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Annotated, Any, Literal

import re2
from pydantic import AfterValidator, Field, model_validator

from prober.faults import ProbeError, classify, describe
from prober.judge import TlsExpect
from prober.judge.texts import Pattern
from prober.model import Check, Failure, Observation, Reason, Strict
from prober.net import (
    Family,
    Knock,
    Stream,
    TlsOptions,
    dial,
    failed_connect,
    failed_verification,
    guard,
    literal,
    shown_place,
    tls_context,
)
from prober.probes import Context, Flight
from prober.secret import Secret

HEARD_BYTES = 64 * 1024  # kept of what the peer says while it is searched
SHOWN = 100

_LATE = {
    "resolve": (Reason.DNS_TIMEOUT, "name not resolved"),
    "connect": (Reason.CONNECT_TIMEOUT, "no connection"),
    "tls": (Reason.TLS_TIMEOUT, "TLS handshake not finished"),
    "dialogue": (Reason.TIMEOUT, "dialogue not finished"),
}


def _check_hex(text: Secret) -> Secret:
    try:
        bytes.fromhex(text.reveal())
    except ValueError:
        raise ValueError("expected bytes as hex digits") from None
    return text


Hex = Annotated[Secret, AfterValidator(_check_hex)]


class Turn(Strict):
    """One turn of a dialogue: first what is sent, then what is waited for."""

    send: Secret | None = None
    """Text to send, as UTF-8; line ends are sent as written."""
    send_hex: Hex | None = None
    """Bytes to send, as hex."""
    expect: str | None = None
    """Text to wait for, anywhere in what the peer says after the last match."""
    matches: Pattern | None = None
    """An RE2 pattern to wait for, over bytes."""

    @model_validator(mode="after")
    def _does_something(self) -> Turn:
        if not self.model_fields_set or (self.send is not None and self.send_hex is not None):
            raise ValueError("expected one of send or send_hex, and one of expect or matches, or either")
        if self.expect is not None and self.matches is not None:
            raise ValueError("expect and matches exclude each other; write two turns")
        return self

    @property
    def said(self) -> bytes:
        """The bytes to send."""
        if self.send_hex is not None:
            return bytes.fromhex(self.send_hex.reveal())
        return self.send.reveal().encode() if self.send is not None else b""

    @property
    def wanted(self) -> str | None:
        """What is waited for, for people; None when nothing is."""
        return repr(self.expect) if self.expect is not None else self.matches

    def end_of_match(self, heard: bytes) -> int | None:
        """Where what is waited for ends in ``heard``."""
        if self.expect is not None:
            at = heard.find(self.expect.encode())
            return None if at < 0 else at + len(self.expect.encode())
        found = pattern_of(self.matches or "").search(heard)
        return found.end() if found else None


class Spec(Check):
    """A TCP connection, optionally under TLS, optionally with a dialogue. Without one, connecting is enough."""

    kind: Literal["tcp"] = "tcp"
    """tcp"""
    address: Annotated[str, AfterValidator(shown_place)]
    """``host:port`` or ``[ipv6]:port``."""
    tls: bool | TlsOptions = False
    """true speaks TLS from the start; a mapping says how."""
    dialogue: Annotated[tuple[Turn, ...], Field(strict=False)] = ()
    """What to say and what to hear, in order."""
    ip: Family = "any"
    """any, v4 or v6: which addresses of the host are tried."""
    allow_link_local: bool = False
    """Whether link-local and cloud metadata addresses may be dialled."""
    expect: TlsExpect = TlsExpect()
    """What the run must be like."""

    @property
    def address_text(self) -> str:
        return self.address


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


def start(check: Spec, ctx: Context, landed: Callable[[Callable[[], Observation]], None]) -> Flight | None:
    """``probe`` without a task, where there is one known address to connect to and nothing to say there."""
    if check.tls or check.dialogue:
        return None
    known = _known_address(check)
    if known is None:
        return None
    knock = Knock(*known, ctx.remaining_s(), lambda: landed(lambda: _knocked(check, ctx, knock)))
    return knock


def _known_address(check: Spec) -> tuple[str, int] | None:
    """The address and port, where they stand in the check and may be dialled; else the long way says why not."""
    host, _, port = check.address.rpartition(":")
    return _dialable(host, int(port), check.ip, check.allow_link_local)


@lru_cache(maxsize=4096)
def _dialable(host: str, port: int, family: Family, allow_link_local: bool) -> tuple[str, int] | None:
    address = literal(host)
    if address is None or (family != "any" and (family == "v6") != (":" in address)):
        return None
    try:
        guard(address, allow_link_local=allow_link_local, after_public=False)
    except ProbeError:
        return None
    return address, port


def _knocked(check: Spec, ctx: Context, knock: Knock) -> Observation:
    address, _ = knock.place
    phases = {"resolve": 0.0, "connect": knock.connect_s}
    facts: dict[str, Any] = {"ssl": False}
    if knock.error == 0:
        facts |= {"remote_address": address, "ip_protocol": 6 if ":" in address else 4}
        return Observation(knock.connect_s, phases, facts)
    if knock.error is None:
        reason, words = _LATE["connect"]
        failure = Failure(reason, f"{check.address}: {words} within {knock.wait_s:.2f}s")
    else:
        failure = failed_connect(knock.error, check.address, (address,))
    return Observation(knock.connect_s, phases, facts, failure)


class Run:
    """One run: the phase it is in, and what it has seen."""

    def __init__(self, check: Spec, ctx: Context) -> None:
        self._check = check
        self.ctx = ctx
        self._options = check.tls if isinstance(check.tls, TlsOptions) else TlsOptions() if check.tls else None
        host, _, port = check.address.rpartition(":")
        self._host = host.strip("[]")
        self._port = int(port)
        self._rest_s = ctx.remaining_s()
        self._phase = "resolve"
        self._phases: dict[str, float] = {}
        self._addresses: tuple[str, ...] = ()
        self._address: str | None = None
        self._stream: Stream | None = None
        self.heard_bytes = 0

    async def go(self) -> None:
        """Go through the phases. Raises ProbeError, OSError, TimeoutError."""
        context = tls_context(self._options) if self._options else None
        with self._timed("resolve"):
            self._addresses = await self.resolve(self._host)
        with self._timed("connect"):
            connection, self._address = await dial(self._addresses, self._port)
            self._stream = stream = Stream(connection)
        if self._options and context:
            with self._timed("tls"):
                await stream.secure(context, self._options.server_name or self._host)
        if self.talks:
            with self._timed("dialogue"):
                await self.talk(stream)

    def late(self) -> Failure:
        """What running out of time means in the phase it happened in."""
        reason, words = _LATE[self._phase]
        return Failure(reason, f"{self._check.address}: {words} within {self._rest_s:.2f}s")

    def broken(self, error: OSError) -> Failure:
        """What an error of socket or TLS means in the phase it happened in."""
        place = self._check.address
        if isinstance(error, ssl.SSLCertVerificationError):
            name = self._options.server_name if self._options else None
            return failed_verification(error.verify_code, name or self._host, error.verify_message)
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return Failure(Reason.CLOSED_EARLY, f"{place}: closed the connection during the TLS handshake")
        if self._phase == "connect" and error.errno:
            return failed_connect(error.errno, place, self._addresses)
        version = isinstance(error, ssl.SSLError) and "VERSION" in (error.reason or "").replace("WRONG_VERSION", "")
        reason = Reason.TLS_VERSION if version else classify(error)
        return Failure(reason, f"{place}: {describe(error)} ({self._phase})")

    def observation(self, failure: Failure | None) -> Observation:
        """Everything seen, with ``failure`` where there was one."""
        facts: dict[str, Any] = {"ssl": self._options is not None}
        if self._address:
            facts |= {"remote_address": self._address, "ip_protocol": 6 if ":" in self._address else 4}
        spoken = self._stream.spoken if self._stream else None
        if spoken:
            facts |= {"tls_version": spoken[0], "tls_cipher": spoken[1]}
        if self.talks:
            facts["received_bytes"] = self.heard_bytes
        return Observation(
            duration_s=sum(self._phases.values()),
            phases=self._phases,
            facts=facts,
            failure=failure,
            certificates=self._stream.certificates if self._stream else (),
        )

    def close(self) -> None:
        if self._stream:
            self._stream.close()

    @property
    def talks(self) -> bool:
        """Whether there is a dialogue."""
        return bool(self._check.dialogue)

    async def resolve(self, host: str) -> tuple[str, ...]:
        """The addresses to try, all of which may be dialled. Raises ProbeError."""
        found = await self.ctx.net.resolve(host, self._check.ip, self.ctx.deadline, self.ctx.clock)
        for address in found.addresses:
            guard(address, allow_link_local=self._check.allow_link_local, after_public=False)
        return found.addresses

    async def talk(self, stream: Stream) -> None:
        """Hold the dialogue. Raises ProbeError, OSError."""
        heard = b""
        for number, turn in enumerate(self._check.dialogue, 1):
            if turn.said:
                await stream.send(turn.said)
            if turn.wanted is not None:
                heard = await self._listen(stream, turn, number, heard)

    async def _listen(self, stream: Stream, turn: Turn, number: int, heard: bytes) -> bytes:
        """Wait for what ``turn`` wants, and return what came after it."""
        while True:
            end = turn.end_of_match(heard)
            if end is not None:
                return heard[end:]
            if len(heard) >= HEARD_BYTES:
                raise self._unheard(turn, number, heard, "said more than 64 KiB")
            piece = await stream.receive()
            if not piece:
                raise self._unheard(turn, number, heard, "closed the connection")
            self.heard_bytes += len(piece)
            heard += piece

    def _unheard(self, turn: Turn, number: int, heard: bytes, why: str) -> ProbeError:
        if not self.heard_bytes:
            return ProbeError(Reason.CLOSED_EARLY, f"{self._check.address}: {why} without a word")
        words = f"turn {number}: expected {turn.wanted}, heard {heard[:SHOWN]!r}{'…' if len(heard) > SHOWN else ''}"
        return ProbeError(Reason.DIALOGUE, f"{self._check.address} {why}; {words}")

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        self._phase = phase
        start = self.ctx.clock.monotonic()
        try:
            yield
        finally:
            self._phases[phase] = self.ctx.clock.monotonic() - start


@lru_cache(maxsize=1024)
def pattern_of(text: str) -> Any:
    """RE2 over bytes: a peer need not speak UTF-8."""
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(text.encode(), options)
