"""A sink to StatsD: one datagram a result, which waits for nobody."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from prober.model import Result
from prober.sinks import Sink, SinkSpec


class Spec(SinkSpec):
    """Counts results and times them in StatsD."""

    kind: Literal["statsd"]
    """statsd"""
    host: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+\.\d+$")] = "127.0.0.1"
    """The IPv4 address of StatsD; a name would have to be looked up, which takes a while at times."""
    port: Annotated[int, Field(ge=1, le=65_535)] = 8125
    """Its UDP port."""
    prefix: str = "prober"
    """What names begin with."""


def open_sink(spec: Spec) -> Sink:
    """A sink that is ready."""
    return Statsd(spec)


class Statsd:
    """``offer`` must never block and never raise; what is not sent has to be counted."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._failed = 0

    def offer(self, result: Result) -> None:
        """Send ``result`` at once."""
        name = f"{self._spec.prefix}.{re.sub('[^A-Za-z0-9_-]', '_', result.check.id)}"
        lines = f"{name}.{result.verdict.value}:1|c\n{name}.duration:{result.duration_s * 1000:.3f}|ms"
        try:
            self._socket.sendto(lines.encode(), (self._spec.host, self._spec.port))
        except OSError:
            self._failed += 1

    def close(self, grace_s: float) -> None:
        """Nothing waits."""
        self._socket.close()

    @property
    def queued(self) -> int:
        """Nothing ever waits."""
        return 0

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results that were not sent, by reason."""
        return {"failed": self._failed}
