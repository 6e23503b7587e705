"""What must be thrown away now and then: old results, delivered notices, old evidence. Runs on the calendar."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from prober.clock import Clock
from prober.config import Config
from prober.store import Store, StoreFault

NIGHTLY = "17 3 * * *"

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


def prune_artifacts(directory: Path, before: float) -> int:
    """Remove the runs' directories last touched before ``before`` (wall seconds); how many went."""
    gone = 0
    for run in directory.glob("*/*"):
        if run.is_dir() and run.stat().st_mtime < before:
            shutil.rmtree(run, ignore_errors=True)
            gone += 1
    return gone


def keep_tidy(config: Config, base: Path, store: Store, clock: Clock) -> Any:
    """A started APScheduler that tidies up every night, and once a minute after the start."""
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.cron import CronTrigger

    async def tidy() -> None:
        now = clock.wall()
        try:
            results = await asyncio.to_thread(store.prune, now - config.store.retention)
        except StoreFault as fault:
            _log.warning("old results could not be removed", error=str(fault))
            results = 0
        runs = await asyncio.to_thread(prune_artifacts, base / config.artifacts.dir, now - config.artifacts.keep)
        if results or runs:
            _log.info("tidied up", results=results, evidence=runs)

    calendar = AsyncIOScheduler(timezone="UTC")
    nightly = CronTrigger.from_crontab(NIGHTLY, timezone="UTC")
    calendar.add_job(tidy, nightly, id="tidy", misfire_grace_time=3600, coalesce=True)
    calendar.add_job(tidy, id="tidy at start", next_run_time=datetime.now(UTC) + timedelta(minutes=1))
    calendar.start()
    return calendar
