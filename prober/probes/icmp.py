"""ICMP checks: one echo request, and how long its answer took."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from prober.faults import ProbeError, classify, describe
from prober.judge import Expect
from prober.model import Check, Failure, Observation, Reason
from prober.net import Echo, Family, ascii_host, guard, has_route, literal
from prober.probes import Context

_LATE = {
    "resolve": (Reason.DNS_TIMEOUT, "name not resolved"),
    "setup": (Reason.INTERNAL, "no socket"),
    "rtt": (Reason.TIMEOUT, "no answer to an echo request"),
}


def _check_host(text: str) -> str:
    return ascii_host(text.strip().strip("[]"))


def _check_source(text: str) -> str:
    if literal(text) is None:
        raise ValueError("expected an IP address of this machine")
    return text


class Spec(Check):
    """An echo request ("ping"). Needs a range in ``net.ipv4.ping_group_range`` or CAP_NET_RAW."""

    kind: Literal["icmp"] = "icmp"
    """icmp"""
    host: Annotated[str, AfterValidator(_check_host)]
    """The name or address to ask."""
    payload_bytes: Annotated[int, Field(ge=0, le=65_507)] = 56
    """How much is sent, and must come back unchanged."""
    ttl: Annotated[int, Field(ge=1, le=255)] | None = None
    """How many hops the request may take; the system's choice when missing."""
    dont_fragment: bool = False
    """Whether routers on the way may not cut the request in pieces; IPv4 only."""
    source: Annotated[str, AfterValidator(_check_source)] | None = None
    """The address of this machine to ask from."""
    ip: Family = "any"
    """any, v4 or v6: which address of the host is asked, the first one of them."""
    allow_link_local: bool = False
    """Whether link-local and cloud metadata addresses may be asked."""
    expect: Expect = Expect()
    """How fast the answer must be."""

    @property
    def address_text(self) -> str:
        return self.host


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
    except OSError as error:
        failure = run.broken(error)
    return Observation(sum(run.phases.values()), run.phases, run.facts, failure)


class Run:
    """One run: the phase it is in, and what it has seen."""

    def __init__(self, check: Spec, ctx: Context) -> None:
        self.check = check
        self.ctx = ctx
        self.phases: dict[str, float] = {}
        self.facts: dict[str, Any] = {}
        self._rest_s = ctx.remaining_s()
        self._phase = "resolve"
        self._address = ""

    async def go(self) -> None:
        """Go through the phases. Raises ProbeError, OSError, TimeoutError."""
        check = self.check
        with self._timed("resolve"):
            self._address = await self.resolve(check.host)
            self.facts |= {"remote_address": self._address, "ip_protocol": 6 if ":" in self._address else 4}
        with self._timed("setup"):
            echo = Echo(self._address, ttl=check.ttl, dont_fragment=check.dont_fragment, source=check.source)
        try:
            with self._timed("rtt"):
                reply = await echo.ask(os.urandom(check.payload_bytes))
        finally:
            echo.close()
        self.phases["rtt"] = reply.rtt_s
        if reply.hop_limit is not None:
            self.facts["hop_limit"] = reply.hop_limit

    async def resolve(self, host: str) -> str:
        """The address to ask, which may be. Raises ProbeError."""
        found = await self.ctx.net.resolve(host, self.check.ip, self.ctx.deadline, self.ctx.clock)
        guard(found.addresses[0], allow_link_local=self.check.allow_link_local, after_public=False)
        return found.addresses[0]

    def late(self) -> Failure:
        """What running out of time means in the phase it happened in."""
        reason, words = _LATE[self._phase]
        return Failure(reason, f"{self.check.host}: {words} within {self._rest_s:.2f}s")

    def broken(self, error: OSError) -> Failure:
        """What an error of the socket means."""
        reason = classify(error)
        if error.errno == errno.ENETUNREACH and not has_route(self._address):
            reason = Reason.NO_LOCAL_ROUTE
        return Failure(reason, f"{self.check.host}: {describe(error)} ({self._phase})")

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        self._phase = phase
        start = self.ctx.clock.monotonic()
        try:
            yield
        finally:
            self.phases[phase] = self.ctx.clock.monotonic() - start
