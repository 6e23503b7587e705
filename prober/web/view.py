"""What the web is shown of the prober: snapshots and answers, never the live objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from prober.clock import Clock, SystemClock
from prober.model import Reason, Verdict
from prober.sinks.prometheus import Exposition


@dataclass(frozen=True, slots=True)
class Row:
    """One check as the status page shows it. Times are wall seconds; None is not yet known."""

    check_id: str
    kind: str
    target: str
    state: Verdict = Verdict.UNKNOWN
    title: str = ""
    reason: Reason | None = None
    message: str = ""
    last_run_at: float | None = None
    duration_s: float | None = None
    next_run_at: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, and one line on why not."""

    ok: bool
    line: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """Everything the web reads. The functions are called from the web's thread and must not block."""

    region: str
    exposition: Exposition
    registry: CollectorRegistry
    """The process's own metrics; a family the exposition already has is left out."""
    snapshot: Callable[[], Sequence[Row]]
    healthy: Callable[[], Health]
    """Is the process alive? A restart is what a "no" asks for."""
    ready: Callable[[], Health]
    """Is the config loaded and the scheduler running?"""
    clock: Clock = field(default_factory=SystemClock)
    artifact: Callable[[str], tuple[Path, str] | None] = lambda _: None
    """The path and kind of the evidence of an id, if there is such."""
