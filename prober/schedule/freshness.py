"""For how long a word on a check counts."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from prober.model import Check

FIRES_COMPARED = 8
LONGEST_GAP_S = 40 * 86_400.0


def freshness_s(check: Check) -> float:
    """For how long after its last run a region's word on ``check`` counts: two intervals and a run."""
    if check.schedule is None:
        return 2 * check.interval + check.timeout
    return 2 * _longest_gap_s(check.schedule, check.timezone) + check.timeout


@lru_cache(maxsize=4096)
def _longest_gap_s(schedule: str, timezone: str) -> float:
    """The longest time between two of the next fires of a cron schedule."""
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger.from_crontab(schedule, timezone=timezone)
    fires: list[datetime] = []
    last = datetime.now(UTC)
    while len(fires) < FIRES_COMPARED and (fire := trigger.get_next_fire_time(None, last + timedelta(seconds=1))):
        fires.append(fire)
        last = fire
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(fires)]
    return max(gaps, default=LONGEST_GAP_S)
