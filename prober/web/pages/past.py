"""The past of many checks as the overview shows it: ninety days and the latest day's latency, asked for in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prober.history import Bucket, Day, History, Uptime
from prober.web.making import took
from prober.web.pages.bars import bars, bars_label, letters, sparkline, together

DAYS = 90
SPARK_S, SPARK_POINTS = 86_400.0, 25


@dataclass(frozen=True, slots=True)
class Told:
    """What is shown of one check."""

    bars: str = ""
    spark: str = ""
    uptime: float | None = None
    p95_s: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """Of all checks, and the days it was made of: of these all but the last ones stay as they are."""

    told: Mapping[str, Told] = field(default_factory=dict)
    days: Mapping[str, tuple[Day, ...]] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)


def look_back(history: History, check_ids: Sequence[str], now: float, before: Past) -> Past:
    """The past as of ``now``. Days that were over when ``before`` was made are taken from there."""
    fresh = history.days(check_ids, "", 2)
    days: dict[str, tuple[Day, ...]] = {}
    unknown = []
    for check_id in check_ids:
        known, latest = before.days.get(check_id, ()), fresh.get(check_id, ())
        if len(known) == DAYS and len(latest) == 2 and known[-1].date == latest[-1].date:
            days[check_id] = (*known[:-2], *latest)
        else:
            unknown.append(check_id)
    if unknown:
        found = history.days(unknown, "", DAYS)
        days.update({check_id: tuple(found.get(check_id, ())) for check_id in unknown})
    sparks = history.sparklines(check_ids, now - SPARK_S, now, SPARK_POINTS)
    told, codes = {}, {}
    for check_id, found_days in days.items():
        known_code = before.codes.get(check_id, "")
        again = check_id not in unknown
        codes[check_id] = known_code[:-2] + letters(found_days[-2:]) if again else letters(found_days)
        told[check_id] = _told(found_days, codes[check_id], sparks.get(check_id, ()))
    return Past(told, days, codes)


def _told(days: Sequence[Day], code: str, buckets: Sequence[Bucket]) -> Told:
    uptime: Uptime = together([day.uptime for day in days])
    slowest = [bucket.p95_s for bucket in buckets if bucket.p95_s is not None]
    medians = sorted(bucket.p50_s for bucket in buckets if bucket.p50_s is not None)
    middle = medians[len(medians) // 2] if medians else None
    label = f"latency over 24 h: median about {took(middle)}, p95 up to {took(max(slowest, default=None))}"
    latest = slowest[-1] if slowest else None
    return Told(bars(code, bars_label(code, uptime)), sparkline(buckets, label), uptime.ratio, latest)
