"""What the prober adds to a journey: the shipped purchase through the pool, and the same Playwright calls bare.

Both have a warm browser on the same cores and take turns. Wall time is without the wait for pages to settle, which a
bare script does not do; processor time is that of the whole process tree, exited children included, and of ourselves.
``--quick`` runs two pairs and judges nothing but that they work.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from figures import PURCHASE, conclude, pool, ready, run, shop, tree_cpu_s, workers_below

from prober.journey.cores import granted_cores, share_out
from prober.probes import Pooled
from prober.probes.browser import BrowserSettings

WALL_MOST, CPU_MOST = 0.10, 0.15
BAR = f"wall <= +{WALL_MOST:.0%}, CPU <= +{CPU_MOST:.0%}"


@dataclass(frozen=True)
class Cost:
    """One purchase, in seconds."""

    wall_s: float
    cpu_s: float
    settle_s: float = 0.0


@contextmanager
def bare(url: str) -> Iterator[subprocess.Popen[str]]:
    """A warm browser driven by ``bare.py``, on the cores the pool's would have."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("bare.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "EVENTCHAIN_URL": url},
    )
    if cores := share_out(granted_cores(), 1)[0]:
        os.sched_setaffinity(process.pid, cores)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


async def buy_bare(process: subprocess.Popen[str]) -> Cost:
    assert process.stdin is not None
    assert process.stdout is not None
    before = tree_cpu_s(process.pid)
    process.stdin.write("\n")
    process.stdin.flush()
    wall_s = float(await asyncio.to_thread(process.stdout.readline))
    return Cost(wall_s, tree_cpu_s(process.pid) - before)


async def buy_pooled(probe: Pooled) -> Cost:
    await ready(probe)
    (worker,) = workers_below(os.getpid())
    before, own, started = tree_cpu_s(worker), time.process_time(), time.monotonic()
    seen = await run(probe, PURCHASE)
    wall_s = time.monotonic() - started
    assert seen.failure is None, seen.failure
    cpu_s = tree_cpu_s(worker) - before + time.process_time() - own
    return Cost(wall_s - seen.facts["settle_s"], cpu_s, seen.facts["settle_s"])


async def compare(pairs: int, warm_ups: int) -> tuple[list[Cost], list[Cost]]:
    ours: list[Cost] = []
    theirs: list[Cost] = []
    with shop() as url, bare(url) as process:
        async with pool(BrowserSettings(slots=1), EVENTCHAIN_URL=url) as probe:
            turns: list[tuple[list[Cost], Callable[[], Awaitable[Cost]]]]
            turns = [(ours, partial(buy_pooled, probe)), (theirs, partial(buy_bare, process))]
            for number in range(warm_ups + pairs):
                for kept, buy in turns if number % 2 else reversed(turns):
                    cost = await buy()
                    if number >= warm_ups:
                        kept.append(cost)
    return ours, theirs


def over(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(ours) / statistics.median(theirs) - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="two pairs, no judgement on the ratio")
    asked = parser.parse_args()
    ours, theirs = asyncio.run(compare(*((2, 1) if asked.quick else (asked.pairs, 2))))
    wall = over([one.wall_s for one in ours], [one.wall_s for one in theirs])
    cpu = over([one.cpu_s for one in ours], [one.cpu_s for one in theirs])
    figures = {
        "pairs": len(ours),
        "wall_s": round(statistics.median(one.wall_s for one in ours), 3),
        "bare_wall_s": round(statistics.median(one.wall_s for one in theirs), 3),
        "wall_overhead": round(wall, 3),
        "cpu_s": round(statistics.median(one.cpu_s for one in ours), 3),
        "bare_cpu_s": round(statistics.median(one.cpu_s for one in theirs), 3),
        "cpu_overhead": round(cpu, 3),
        "settle_s": round(statistics.median(one.settle_s for one in ours), 3),
    }
    return conclude("journey_overhead", figures, BAR, None if asked.quick else wall <= WALL_MOST and cpu <= CPU_MOST)


if __name__ == "__main__":
    sys.exit(main())
