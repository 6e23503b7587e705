"""10,000 http checks every 10 s, 1,000 probes a second, in one process: what it takes and how punctual it is."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from figures import tree_cpu_s
from loopback import config, serving, target, until
from serving import Run, read
from verdicts import Figure, conclude, quantile, quick_wanted

CORE_PERCENT, LAG_P99_MS, LAG_MOST_MS, RSS_MB = 40.0, 5.0, 250.0, 250.0
CHECKS, QUICK_CHECKS = 10_000, 1_000
INTERVAL_S = 10.0
SETTLED_S = 12.0  # after the first run of every check, until each is on its slots and nothing is left to catch up with


def missed(runs: list[Run], interval_s: float) -> int:
    """How many slots lie between the runs of each check."""
    last: dict[float, float] = {}
    count = 0
    for run in runs:
        if not math.isnan(run.lag_s):
            slot = run.at - run.lag_s
            count += round((slot - last.get(run.check, slot - interval_s)) / interval_s) - 1
            last[run.check] = slot
    return count


@dataclass(frozen=True)
class Taken:
    """What the process took while it was watched, and how late the runs of that time began."""

    per_s: float
    cpu_percent: float
    rss_mb: float
    missed: int
    lags_s: list[float]


def measured(checks: int, interval_s: float, settle_s: float, watch_s: float) -> Taken:
    with target() as shop, tempfile.TemporaryDirectory() as home:
        place = Path(home)
        urls = [shop.url()] * checks
        with serving(place, config(place, urls, f"{interval_s:g}s")) as (process, _, record):
            until(lambda: shop.count() >= checks, "as many probes were made as there are checks", 180, 0.5)
            time.sleep(settle_s)
            began, before_s = time.time(), tree_cpu_s(process.pid)
            time.sleep(watch_s)
            ended, used_s = time.time(), tree_cpu_s(process.pid) - before_s
            rss_mb = psutil.Process(process.pid).memory_info().rss / 1e6
        everything = read(record)
    runs = [run for run in everything if began <= run.at <= ended]
    missed_slots = missed([run for run in everything if began - interval_s <= run.at <= ended], interval_s)
    lags_s = [run.lag_s for run in runs if not math.isnan(run.lag_s)]
    return Taken(len(runs) / (ended - began), 100 * used_s / (ended - began), rss_mb, missed_slots, lags_s)


def main() -> int:
    quick = quick_wanted(__doc__)
    checks = QUICK_CHECKS if quick else CHECKS
    taken = measured(checks, INTERVAL_S, 2.0 if quick else SETTLED_S, 10.0 if quick else 60.0)
    lags_ms = [lag_s * 1000 for lag_s in taken.lags_s]
    figures = [
        Figure("probes_per_s", taken.per_s, None, checks / INTERVAL_S),
        Figure("cpu_percent_of_a_core", taken.cpu_percent, CORE_PERCENT),
        Figure("cpu_us_per_probe", taken.cpu_percent * 1e4 / taken.per_s if taken.per_s else None),
        Figure("lag_p50_ms", quantile(lags_ms, 0.5)),
        Figure("lag_p99_ms", quantile(lags_ms, 0.99), LAG_P99_MS),
        Figure("lag_most_ms", quantile(lags_ms, 1.0), LAG_MOST_MS),
        Figure("missed_slots", taken.missed, 0),
        Figure("rss_mb", taken.rss_mb, RSS_MB),
    ]
    return conclude("scale", "due", figures, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
