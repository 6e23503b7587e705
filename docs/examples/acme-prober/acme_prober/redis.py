"""Checks of a Redis server: it answers PING, and in time."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from pydantic import Field

from prober.faults import ProbeError
from prober.model import Check, Observation, Reason
from prober.probes import Context


class Spec(Check):
    """Says PING to a Redis server and waits for PONG."""

    kind: Literal["redis"]
    """redis"""
    host: str
    """The server's name or address."""
    port: Annotated[int, Field(ge=1, le=65_535)] = 6379
    """Its port."""

    @property
    def address_text(self) -> str:
        """What is tested, as people read it."""
        return f"redis://{self.host}:{self.port}"


async def probe(check: Spec, ctx: Context) -> Observation:
    """Measure once. What the target does wrong is a ProbeError with its reason, or an OSError as it comes."""
    started = ctx.clock.monotonic()
    try:
        async with asyncio.timeout(ctx.remaining_s()):
            reader, writer = await asyncio.open_connection(check.host, check.port)
    except TimeoutError:
        raise ProbeError(Reason.CONNECT_TIMEOUT, "no connection in time") from None
    connected = ctx.clock.monotonic()
    try:
        async with asyncio.timeout(ctx.remaining_s()):
            writer.write(b"PING\r\n")
            answer = await reader.readline()
    except TimeoutError:
        raise ProbeError(Reason.TIMEOUT, "no answer to PING in time") from None
    finally:
        writer.close()
    ended = ctx.clock.monotonic()
    if answer != b"+PONG\r\n":
        raise ProbeError(Reason.DIALOGUE, f"expected +PONG, got {answer[:100]!r}")
    phases = {"connect": connected - started, "dialogue": ended - connected, "total": ended - started}
    return Observation(ended - started, phases=phases)
