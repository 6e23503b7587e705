"""What must be thrown away now and then: old results, delivered notices, old evidence. Runs on the calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from prober.app.alarm import Alarm
from prober.app.artifacts import Archive
from prober.clock import Clock
from prober.config import Loaded
from prober.log import Log
from prober.store import StoreFault

NIGHTLY = "17 3 * * *"

_log = Log(__name__)


def keep_tidy(loaded: Callable[[], Loaded], archive: Callable[[], Archive], alarm: Alarm, clock: Clock) -> Any:
    """A started APScheduler that tidies up every night, and once a minute after the start, as ``loaded`` says then."""
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.cron import CronTrigger

    async def tidy() -> None:
        now, config = clock.wall(), loaded().config
        try:
            results = await asyncio.to_thread(alarm.store.prune, now - config.store.retention)
            results += await asyncio.to_thread(alarm.store.shrink, config.store.max_bytes)
        except StoreFault as fault:
            _log.warning("old results could not be removed", error=str(fault))
            results = 0
        runs = await asyncio.to_thread(archive().prune, now)
        if results or runs:
            _log.info("tidied up", results=results, evidence=runs)

    calendar = AsyncIOScheduler(timezone="UTC")
    nightly = CronTrigger.from_crontab(NIGHTLY, timezone="UTC")
    calendar.add_job(tidy, nightly, id="tidy", misfire_grace_time=3600, coalesce=True)
    calendar.add_job(tidy, id="tidy at start", next_run_time=datetime.now(UTC) + timedelta(minutes=1))
    calendar.start()
    return calendar
