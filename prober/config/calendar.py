"""Cron expressions and time zones, checked before anything runs by them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NUMBERED_WEEKDAY = re.compile(r"(?:^|[,-])\d")


@lru_cache(maxsize=1024)
def zone_error(name: str) -> str | None:
    """Why ``name`` is no time zone of the IANA database; None when it is one."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "no such time zone; expected a name such as UTC or Europe/Berlin"
    return None


@lru_cache(maxsize=1024)
def cron_error(expression: str) -> str | None:
    """Why ``expression`` is no schedule of five cron fields that ever comes due; None when it is one."""
    from apscheduler.triggers.cron import CronTrigger  # here, since no other part of a config needs it

    fields = expression.split()
    if len(fields) != 5:
        return f"expected five cron fields (minute hour day month weekday), not {len(fields)}"
    if _NUMBERED_WEEKDAY.search(fields[4]):
        return "expected weekdays by name, such as mon-fri: numbers mean different days in different crons"
    try:
        trigger = CronTrigger.from_crontab(expression, timezone="UTC")
    except (ValueError, TypeError, OverflowError) as error:
        return f"not a cron expression: {str(error).lower()}"
    if trigger.get_next_fire_time(None, datetime.now(UTC)) is None:
        return "never comes due: no month it names has such a day"
    return None
