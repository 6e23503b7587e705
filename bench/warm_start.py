"""How soon a journey has its page: from a free slot to the journey's first line, warm and cold."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from figures import conclude, pool, ready, run

from prober.probes import Pooled
from prober.probes.browser import BrowserSettings, open_probe

MOST_S = 0.5
BAR = f"warm median <= {MOST_S:g} s"
JOURNEY = """
import time
from prober import journey, measure
@journey
async def ready(page):
    measure("at", time.monotonic())
"""


async def start_s(probe: Pooled, journey: Path) -> float:
    asked = time.monotonic()
    seen = await run(probe, journey)
    assert seen.failure is None, seen.failure
    return seen.measures[0].value - asked


async def warm(journey: Path, times: int) -> list[float]:
    taken = []
    async with pool(BrowserSettings(slots=1)) as probe:
        for _ in range(times):
            await ready(probe)
            taken.append(await start_s(probe, journey))
    return taken


async def cold(journey: Path) -> float:
    logging.getLogger().setLevel(logging.ERROR)
    async with open_probe(BrowserSettings(slots=1), os.environ) as probe:
        return await start_s(probe, journey)


async def measure_both(warm_times: int, cold_times: int) -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory() as home:
        journey = Path(home) / "ready.py"
        journey.write_text(JOURNEY)
        return await warm(journey, warm_times), [await cold(journey) for _ in range(cold_times)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer starts")
    quick = parser.parse_args().quick
    warm_s, cold_s = asyncio.run(measure_both(10 if quick else 40, 2 if quick else 5))
    median = statistics.median(warm_s)
    figures = {
        "warm_median_s": round(median, 3),
        "warm_best_s": round(min(warm_s), 3),
        "warm_worst_s": round(max(warm_s), 3),
        "cold_median_s": round(statistics.median(cold_s), 3),
        "starts": len(warm_s),
    }
    return conclude("warm_start", figures, BAR, median <= MOST_S)


if __name__ == "__main__":
    sys.exit(main())
