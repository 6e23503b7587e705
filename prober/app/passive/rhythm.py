"""When a heartbeat check is to be heard of: arithmetic on wall times."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from prober.probes.heartbeat import Spec

EARLY_S = 60.0
"""A job's clock may be ahead: what ends this long before the time its schedule names, or within the grace if that is
shorter, was the run of that time."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a check is to be heard of, and how late it may be."""

    period_s: float
    grace_s: float = 0.0
    max_runtime_s: float = math.inf
    watched: bool = True
    """Whether silence is a failure; else what stands is said again after each period."""
    calendar: Any = field(default=None, compare=False)
    """A trigger of cron instead of the period."""
    schedule: str = ""
    """What that was made of."""

    def due_after(self, at: float) -> float:
        """When silence is told if nothing ends after ``at``."""
        if not self.watched:
            return at + self.period_s
        if self.calendar is None:
            return at + self.period_s + self.grace_s
        return self._fire_after(at + min(EARLY_S, self.grace_s)) + self.grace_s

    def due_again(self, at: float) -> float:
        """When it is told again after it was at ``at``: a period that went by is one run that failed."""
        return at + self.period_s if self.calendar is None else self._fire_after(at) + self.grace_s

    @property
    def text(self) -> str:
        """The same for the same rhythm."""
        return f"{self.schedule or self.period_s} {self.grace_s} {self.max_runtime_s} {self.watched}"

    def over_at(self, at: float) -> float:
        """When a run that began ``at`` must have ended."""
        return at + self.max_runtime_s

    def _fire_after(self, at: float) -> float:
        fire = self.calendar.get_next_fire_time(None, datetime.fromtimestamp(at, UTC) + timedelta(microseconds=1))
        return math.inf if fire is None else float(fire.timestamp())


def rhythm_of(check: Spec) -> Rhythm:
    """As ``check`` is configured."""
    calendar, schedule = None, ""
    if check.schedule is not None:
        from apscheduler.triggers.cron import CronTrigger

        calendar = CronTrigger.from_crontab(check.schedule, timezone=check.timezone)
        schedule = f"{check.schedule} {check.timezone}"
    most_s = math.inf if check.max_runtime is None else check.max_runtime
    return Rhythm(check.interval, check.timeout, most_s, check.watched, calendar, schedule)
