"""The shelf of sinks, one system a file: each is offered every result.

A module named in ``SINKS`` holds ``Spec``, a subclass of ``SinkSpec``, and ``open_sink(spec) -> Sink``, which is also
handed the ``exposition`` where it has a parameter of that name; and where it needs an extra ``require()``, which raises
UserFault when that is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

from prober.model import Result, Strict
from prober.shelf import Shelf

_BUILT_IN = {
    "cloudwatch": "prober.sinks.cloudwatch",
    "cloudwatch_logs": "prober.sinks.cloudwatch.logs",
    "emf": "prober.sinks.cloudwatch.emf",
    "elasticsearch": "prober.sinks.elasticsearch",
    "ndjson": "prober.sinks.ndjson",
    "otlp": "prober.sinks.otlp",
    "remote_write": "prober.sinks.prometheus.remote",
}
SINKS = Shelf("prober.sinks", _BUILT_IN)


class SinkSpec(Strict):
    """A system that results flow into; every kind adds its own fields."""

    kind: str
    """The system: cloudwatch, cloudwatch_logs, emf, elasticsearch, ndjson, otlp, remote_write, ..."""

    def beside(self, base: Path) -> Self:
        """The same with its files beside the configuration, which is in ``base``."""
        return self


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
        """Results given up since the start, by reason: ``full``, ``rejected``, ``failed``, ``thinned``, ..."""
        ...
