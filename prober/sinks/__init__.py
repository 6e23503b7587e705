"""The shelf of sinks, one system a file: each is offered every result.

A module named in ``SINKS`` holds ``Spec``, a subclass of ``SinkSpec``, and ``open_sink(spec) -> Sink``, which is also
handed the ``exposition`` where it has a parameter of that name; and where it needs an extra ``require()``, which raises
UserFault when that is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from prober.model import Result, Strict

SINKS = {
    "cloudwatch": "prober.sinks.cloudwatch",
    "otlp": "prober.sinks.otlp",
    "remote_write": "prober.sinks.prometheus.remote",
}


class SinkSpec(Strict):
    """A system that results flow into; every kind adds its own fields."""

    kind: str
    """The system: cloudwatch, otlp or remote_write."""


class Sink(Protocol):
    """Takes results to another system without ever holding up the probing."""

    def offer(self, result: Result) -> None:
        """Take ``result`` or count it as dropped; never blocks, never raises."""
        ...

    def close(self, grace_s: float) -> None:
        """Send what is queued, for at most ``grace_s`` seconds, and stop."""
        ...

    @property
    def queued(self) -> int:
        """Results waiting to be sent."""
        ...

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results given up since the start, by reason: ``full``, ``rejected``, ``failed``."""
        ...
