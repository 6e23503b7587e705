"""What the prober adds to a journey: the shipped purchase through the pool, and the same Playwright calls bare.

Both have a warm browser on the same cores, started with the same switches, and take turns. Processor time is that of
the whole process tree, exited children included, and of ourselves.

The prober stands still on every new page until its vitals are final, which a bare script does not do, and a browser
that stands still is not idle: it goes on painting, collecting garbage, ending processes. So in every third round the
bare script takes a turn at standing still as long, doing nothing; ``settle_cpu_s`` is what that costs more. The bars
hold for what is left without the settling, in wall and in processor time; ``cpu_overhead_with_settle`` is the whole.
``--quick`` runs two rounds and judges nothing but that they work.
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


async def buy_bare(process: subprocess.Popen[str], stand_s: float = 0.0) -> Cost:
    assert process.stdin is not None
    assert process.stdout is not None
    before = tree_cpu_s(process.pid)
    process.stdin.write(f"{stand_s}\n")
    process.stdin.flush()
    wall_s, stops = (await asyncio.to_thread(process.stdout.readline)).split()
    return Cost(float(wall_s), tree_cpu_s(process.pid) - before, stand_s * int(stops))


async def buy_pooled(probe: Pooled) -> Cost:
    await ready(probe)
    (worker,) = workers_below(os.getpid())
    before, own, started = tree_cpu_s(worker), time.process_time(), time.monotonic()
    seen = await run(probe, PURCHASE)
    wall_s = time.monotonic() - started
    assert seen.failure is None, seen.failure
    cpu_s = tree_cpu_s(worker) - before + time.process_time() - own
    return Cost(wall_s - seen.facts["settle_s"], cpu_s, seen.facts["settle_s"])


async def compare(rounds: int, warm_ups: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {"ours": [], "bare": [], "held": []}
    with shop() as url, bare(url) as process:
        async with pool(BrowserSettings(slots=1), EVENTCHAIN_URL=url) as probe:
            await buy_pooled(probe)
            held = await buy_bare(process, 0.5)
            stand_s, pages = 0.5, held.settle_s / 0.5
            for number in range(-warm_ups, rounds):
                turns: dict[str, Callable[[], Awaitable[Cost]]] = {
                    "ours": partial(buy_pooled, probe),
                    "bare": partial(buy_bare, process),
                    "held": partial(buy_bare, process, stand_s),
                }
                ways = ["ours", "bare"] if number % 2 else ["bare", "ours"]
                for way in ways if number % 3 else [*ways, "held"]:
                    cost = await turns[way]()
                    stand_s = cost.settle_s / pages if way == "ours" else stand_s
                    if number >= 0:
                        costs[way].append(cost)
    return costs


def middle(costs: list[Cost], what: str) -> float:
    return statistics.median(getattr(one, what) for one in costs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="two rounds, no judgement on the ratio")
    asked = parser.parse_args()
    costs = asyncio.run(compare(*((2, 0) if asked.quick else (asked.pairs, 2))))
    wall_s, bare_wall_s = (middle(costs[way], "wall_s") for way in ("ours", "bare"))
    cpu_s, bare_cpu_s, held_cpu_s = (middle(costs[way], "cpu_s") for way in ("ours", "bare", "held"))
    wall, cpu = wall_s / bare_wall_s - 1, (cpu_s - held_cpu_s) / bare_cpu_s
    figures = {
        "pairs": len(costs["ours"]),
        "wall_s": wall_s,
        "bare_wall_s": bare_wall_s,
        "wall_overhead": wall,
        "cpu_s": cpu_s,
        "bare_cpu_s": bare_cpu_s,
        "cpu_overhead": cpu,
        "cpu_overhead_with_settle": cpu_s / bare_cpu_s - 1,
        "settle_s": middle(costs["ours"], "settle_s"),
        "settle_cpu_s": held_cpu_s - bare_cpu_s,
    }
    figures = {name: round(value, 3) for name, value in figures.items()}
    return conclude("journey_overhead", figures, BAR, None if asked.quick else wall <= WALL_MOST and cpu <= CPU_MOST)


if __name__ == "__main__":
    sys.exit(main())
