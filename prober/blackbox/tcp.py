"""What a module of prober tcp does with a target: a dialogue of lines and bytes, which may turn to TLS on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from prober.blackbox.addresses import choose
from prober.blackbox.modules import ExpectLabel, TcpModule
from prober.blackbox.notation import expand
from prober.faults import ProbeError
from prober.judge import TlsExpect
from prober.model import Failure, Observation, Outcome, Reason
from prober.net import Stream, shown_place, tls_context
from prober.probes import Context, tcp

LINE_BYTES = 64 * 1024


class TcpRules(TlsExpect):
    """Nothing more: a dialogue that fails is a failure, and how long a certificate lasts is for rules on the metric."""

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        return iter(())


class Target(tcp.Spec):
    """A target as a module of prober tcp talks to it."""

    address: str
    module: TcpModule
    hostname: str | None = None
    expect: TcpRules = TcpRules()


def target(name: str, module: TcpModule, text: str, hostname: str | None, **common: Any) -> Target:
    """The check of ``text`` by ``module``; ``hostname`` is verified where no ``server_name`` is set."""
    host = text.rpartition(":")[0].strip("[]")
    tls = module.tls_config.options(host, hostname) if module.tls else False
    return Target(id=name, address=text, tls=tls, module=module, hostname=hostname, **common)


async def probe(check: Target, ctx: Context) -> Observation:
    """Run ``check`` once. Raises ProbeError for a target that is no place to connect to."""
    try:
        address = shown_place(check.address)
    except ValueError as error:
        raise ProbeError(Reason.CONNECT, f"{check.address[:200]!r}: {error}") from None
    return await tcp.conduct(_Run(check.model_copy(update={"address": address}), ctx))


class _Run(tcp.Run):
    """One run with a module's dialogue."""

    def __init__(self, check: Target, ctx: Context) -> None:
        super().__init__(check, ctx)
        self._target = check
        self._labels: dict[str, str] = {}
        self._wrong_bytes = False
        self._chosen: dict[str, Any] = {}

    @property
    def talks(self) -> bool:
        return bool(self._target.module.query_response)

    async def resolve(self, host: str) -> tuple[str, ...]:
        addresses = (await choose(host, self._target.module, self.ctx)).addresses
        self._chosen = {"remote_address": addresses[0], "ip_protocol": 6 if ":" in addresses[0] else 4}
        return addresses

    async def talk(self, stream: Stream) -> None:
        hearing = _Hearing(stream, self)
        for number, turn in enumerate(self._target.module.query_response, 1):
            said = _bytes(turn.send)
            if turn.expect is not None:
                match = await self._expect(hearing, turn.expect, number)
                said = expand(said, match)
                self._label(turn.labels, match)
            if turn.expect_bytes is not None:
                await self._expect_bytes(hearing, _bytes(turn.expect_bytes), number)
            if said:
                await stream.send(said + b"\n")
            if turn.starttls:
                host = self._target.address.rpartition(":")[0].strip("[]")
                options = self._target.module.tls_config.options(host, self._target.hostname)
                await stream.secure(tls_context(options), options.server_name or host)
                hearing.heard = b""

    def observation(self, failure: Failure | None) -> Observation:
        seen = super().observation(failure)
        facts = {**self._chosen, **seen.facts, "failed_due_to_bytes": self._wrong_bytes}
        if self._labels:
            facts["expect_info"] = self._labels
        return Observation(seen.duration_s, seen.phases, facts, failure, certificates=seen.certificates)

    async def _expect(self, hearing: _Hearing, pattern: str, number: int) -> Any:
        last = b""
        while (line := await hearing.line()) is not None:
            last = line
            if match := tcp.pattern_of(pattern).search(line):
                return match
        words = f"a line that matches {pattern!r}, heard {last[: tcp.SHOWN]!r}"
        raise ProbeError(Reason.DIALOGUE, f"{self._target.address}: turn {number}: expected {words}")

    async def _expect_bytes(self, hearing: _Hearing, wanted: bytes, number: int) -> None:
        heard = await hearing.exactly(len(wanted))
        if heard != wanted:
            self._wrong_bytes = True
            words = f"expected {wanted[: tcp.SHOWN]!r}, heard {heard[: tcp.SHOWN]!r}"
            raise ProbeError(Reason.DIALOGUE, f"{self._target.address}: turn {number}: {words}")

    def _label(self, labels: tuple[ExpectLabel, ...], match: Any) -> None:
        for label in labels:
            self._labels[label.name] = expand(label.value.encode(), match).decode("utf-8", "replace")


@dataclass
class _Hearing:
    """What the peer says, by line or by byte."""

    stream: Stream
    run: tcp.Run
    heard: bytes = field(default=b"")

    async def line(self) -> bytes | None:
        """The next line without its end; None when there is none any more."""
        while b"\n" not in self.heard:
            if len(self.heard) >= LINE_BYTES:
                return None
            if not await self._more():
                rest, self.heard = self.heard, b""
                return rest or None
        line, _, self.heard = self.heard.partition(b"\n")
        return line.removesuffix(b"\r")

    async def exactly(self, count: int) -> bytes:
        """The next ``count`` bytes, fewer where the peer ends before."""
        while len(self.heard) < count and await self._more():
            pass
        taken, self.heard = self.heard[:count], self.heard[count:]
        return taken

    async def _more(self) -> bool:
        piece = await self.stream.receive()
        self.run.heard_bytes += len(piece)
        self.heard += piece
        return bool(piece)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
