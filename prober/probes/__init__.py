"""The shelf of probes, one kind a file: each declares its Check and measures it.

A module named in ``KINDS`` holds ``Spec``, a subclass of ``model.Check``, and one of

- ``request(check, ctx) -> curl.Request`` and ``observe(exchange) -> Observation``: kinds on the libcurl engine;
- ``async probe(check, ctx) -> Observation``: every other kind; raises ProbeError only;
- ``open_probe(settings) -> AsyncContextManager[Probe]``: kinds that own something between runs, such as a browser.

Names are looked up lazily: ``prober validate`` imports neither Playwright nor boto3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from prober.clock import Clock
from prober.model import Observation
from prober.net import Net

KINDS = {
    "http": "prober.probes.http",
    "tcp": "prober.probes.tcp",
    "browser": "prober.probes.browser",
    "api": "prober.probes.api",
}


@dataclass(frozen=True, slots=True)
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
    log: structlog.typing.FilteringBoundLogger

    def remaining_s(self) -> float:
        """Seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - self.clock.monotonic())


Probe = Callable[[Any, Context], Awaitable[Observation]]
