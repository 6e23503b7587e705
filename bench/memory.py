"""Whether the prober stays as large as it is: memory and descriptors over 100,000 probes."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from loopback import Target, config, fetch, shipped, target, until
from verdicts import Figure, conclude, quick_wanted

CHECKS, PROBES = 1_000, 100_000
QUICK_CHECKS, QUICK_PROBES = 300, 3_000
GROWTH = 0.03
WARM = 0.2  # the share of all probes after which nothing is new to the prober any more
EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """How large the prober was after so many probes."""

    probes: int
    rss_mb: float
    descriptors: int


def watched(process: psutil.Process, port: int, shop: Target, probes: int) -> list[Sample]:
    samples: list[Sample] = []
    scraped = time.monotonic()
    while not samples or samples[-1].probes < probes:
        time.sleep(EVERY_S)
        samples.append(Sample(shop.count(), process.memory_info().rss / 1e6, process.num_fds()))
        if time.monotonic() - scraped > 15:  # as a Prometheus would, which is part of the prober's day
            fetch(port, "/metrics")
            scraped = time.monotonic()
    return samples


def measured(checks: int, probes: int) -> list[Sample]:
    with target() as shop, tempfile.TemporaryDirectory() as home:
        place = Path(home)
        with shipped(place, config(place, [shop.url()] * checks, "1s")) as (process, port):
            until(lambda: shop.count() > 0, "the target is asked")
            return watched(psutil.Process(process.pid), port, shop, probes)


def main() -> int:
    quick = quick_wanted(__doc__)
    probes = QUICK_PROBES if quick else PROBES
    samples = measured(QUICK_CHECKS if quick else CHECKS, probes)
    warm = [sample for sample in samples if sample.probes >= WARM * probes]
    share = max(1, len(warm) // 5)
    early, late = warm[:share], warm[-share:]
    rss = [statistics.median(sample.rss_mb for sample in part) for part in (early, late)]
    descriptors = [statistics.median(sample.descriptors for sample in part) for part in (early, late)]
    figures = [
        Figure("probes", samples[-1].probes),
        Figure("rss_mb", rss[1], rss[0] * (1 + GROWTH), rss[0]),
        Figure("rss_most_mb", max(sample.rss_mb for sample in samples)),
        Figure("descriptors", descriptors[1], descriptors[0] * (1 + GROWTH) + 2, descriptors[0]),
        Figure("descriptors_most", max(sample.descriptors for sample in samples)),
    ]
    return conclude("memory", "after a fifth", figures, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
