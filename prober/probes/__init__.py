"""The shelf of probes, one kind a file: each declares its Check and measures it.

A module named in ``KINDS`` holds ``Spec``, a subclass of ``model.Check``, and one of

- ``request(check, ctx) -> curl.Request``, asked once for a check and kept, so of ``ctx`` only the check id holds, but
  every run where it has a ``trace_id``; and ``observe(exchange) -> Observation``: kinds on the libcurl engine;
- ``async probe(check, ctx) -> Observation``: every other kind; raises ProbeError only. Beside it may stand
  ``start``, a ``Starter``, for the runs that can do without a task;
- ``open_probe(settings) -> AsyncContextManager[Probe]``: kinds that own something between runs, such as a browser;
  a ``Pooled`` one where runs wait for slots;
- nothing more, where ``Spec.pushed`` says that others bring the results.

Names are looked up lazily: ``prober validate`` imports neither Playwright nor boto3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from prober.clock import Clock
from prober.model import Observation
from prober.net import Net
from prober.shelf import Shelf
from prober.values import record

if TYPE_CHECKING:
    from prober.journey.slots import PoolStats
    from prober.log import Log

_BUILT_IN = {
    "http": "prober.probes.http",
    "tcp": "prober.probes.tcp",
    "dns": "prober.probes.dns",
    "icmp": "prober.probes.icmp",
    "grpc": "prober.probes.grpc",
    "browser": "prober.probes.browser",
    "api": "prober.probes.api",
    "pytest": "prober.probes.browser.pytests",
    "heartbeat": "prober.probes.heartbeat",
}
KINDS = Shelf("prober.probes", _BUILT_IN)


@record(frozen=True, slots=True)
class Context:
    """What a probe is handed for one run."""

    check_id: str
    region: str
    run_id: str
    deadline: float
    """Absolute, on ``clock.monotonic()``: nothing may outlast it."""
    clock: Clock
    net: Net
    artifacts: Path | None
    """A directory for this run's evidence; None when it is not kept."""
    log: Log

    def remaining_s(self) -> float:
        """Seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - self.clock.monotonic())


Probe = Callable[[Any, Context], Awaitable[Observation]]


class Flight(Protocol):
    """A run under way that has no task."""

    def cancel(self) -> Any:
        """Give it up: nobody is told of its end any more."""
        ...


Landed = Callable[[Callable[[], Observation]], None]
"""Told once of the end of a run, never before its start has returned, and handed what makes the Observation; that may
raise whatever a probe may."""

Starter = Callable[[Any, Context, Landed], Flight | None]
"""Begins a run without a task; None where this one takes a task after all. Raises what a probe may."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A probe whose runs wait for slots of a pool, which is why that wait counts against a run's deadline."""

    measure: Probe
    stats: Callable[[], Mapping[str, PoolStats]]
    """What its pools are and have done, by their names."""

    def __call__(self, check: Any, ctx: Context) -> Awaitable[Observation]:
        return self.measure(check, ctx)
