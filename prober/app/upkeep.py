"""What must be done now and then: rolling results up, and throwing away what is old. Runs on the calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from prober.app.alarm import Alarm
from prober.app.artifacts import Archive
from prober.clock import Clock
from prober.config import Config, Loaded
from prober.config.sections import Store as StoreSpec
from prober.history import covers, noted
from prober.log import Log
from prober.store import Store, StoreFault

NIGHTLY = "17 3 * * *"
ROLL_UP_S = 60
ROLL_UP_JITTER_S = 10
"""Of probers that share a store each would reckon the same, to find that another has written it."""

_log = Log(__name__)


def keep_tidy(loaded: Callable[[], Loaded], archive: Callable[[], Archive], alarm: Alarm, clock: Clock) -> Any:
    """A started APScheduler that tidies up every night, and once a minute after the start, as ``loaded`` says then."""
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.cron import CronTrigger

    async def roll_up() -> None:
        try:
            await asyncio.to_thread(rolled_up, alarm.store, loaded().config)
        except StoreFault as fault:
            _log.warning("results could not be rolled up", error=str(fault))

    async def tidy() -> None:
        now, config = clock.wall(), loaded().config
        await roll_up()  # what nothing is kept of must not go
        try:
            results = await asyncio.to_thread(prune, alarm.store, config.store, now)
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
    calendar.add_job(roll_up, "interval", seconds=ROLL_UP_S, jitter=ROLL_UP_JITTER_S, id="roll up", coalesce=True)
    calendar.start()
    return calendar


def rolled_up(store: Store, config: Config) -> int:
    """Note what maintenance is on, and roll up all results that there are; how many."""
    now, checks = store.now(), {check.id: check for check in config.checks}
    for hush in filter(None, (noted(window, now) for window in config.maintenance)):
        store.add_hush(hush)
    results = 0
    while piece := store.roll_up(covers(checks)):
        results += piece
    return results


def prune(store: Store, spec: StoreSpec, now: float) -> int:
    """Drop what is older than ``spec`` says; how many rows."""
    dropped = store.prune(now - spec.retention, now - spec.history, now - spec.daily_history)
    return dropped + store.prune_roll_ups(now - spec.history, now - spec.daily_history)
