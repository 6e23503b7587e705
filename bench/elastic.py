"""The purchase journey here and under @elastic/synthetics, with the same Chromium on the same cores, taking turns.

Elastic's agent starts a process and a browser for every run, as its Heartbeat does (``--rich-events``); the prober
keeps both warm. ``prober run``, which starts everything too, is printed beside them. Our wall time includes the wait
for pages to settle. It needs what GET_IT installs; without it this says so and judges nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from figures import PURCHASE, ROOT, conclude, pool, ready, run, shop, tree_cpu_s, workers_below

from prober import USER_AGENT
from prober.journey.cores import granted_cores, pin, share_out
from prober.probes import Pooled
from prober.probes.browser import BrowserSettings
from prober.probes.browser.find import find_browser

BAR = "wall and CPU below @elastic/synthetics"
PLACE = Path(__file__).with_name("npm")
AGENT = PLACE / "node_modules" / ".bin" / "elastic-synthetics"
GET_IT = "npm install --prefix bench/npm --ignore-scripts --no-package-lock"
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)

Cost = tuple[float, float]
"""Wall and processor seconds of one run."""


def process_cost(command: Sequence[str], environ: Mapping[str, str], cores: frozenset[int]) -> Cost:
    """Run a program to its end; what it cost with all it started. Raises CalledProcessError where it fails."""
    others = {child.pid for child in psutil.Process().children()}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environ}, cwd=ROOT
    )
    pin(process.pid, cores)
    told, _ = process.communicate()
    wall_s = time.monotonic() - started
    for child in psutil.Process().children():  # what it left to us, being its subreaper
        if child.pid not in others:
            with suppress(ChildProcessError):
                os.waitpid(child.pid, 0)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, told)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def elastic(url: str, cores: frozenset[int]) -> Cost:
    options = {
        "executablePath": str(find_browser(BrowserSettings(), os.environ)),
        "userAgent": USER_AGENT,
        "chromiumSandbox": False,
    }
    command = [
        *(str(AGENT), "--rich-events", "--screenshots", "only-on-failure"),
        *("--params", json.dumps({"shop": url}), "--playwright-options", json.dumps(options)),
        str(PLACE / "purchase.journey.js"),
    ]
    return process_cost(command, {}, cores)


def prober_run(url: str, cores: frozenset[int]) -> Cost:
    with tempfile.TemporaryDirectory() as artifacts:
        command = [sys.executable, "-m", "prober", "run", str(PURCHASE), "--artifacts", artifacts]
        return process_cost(command, {"EVENTCHAIN_URL": url}, cores)


async def pooled(probe: Pooled) -> Cost:
    await ready(probe)
    (worker,) = workers_below(os.getpid())
    before, own, started = tree_cpu_s(worker), time.process_time(), time.monotonic()
    seen = await run(probe, PURCHASE)
    assert seen.failure is None, seen.failure
    return time.monotonic() - started, tree_cpu_s(worker) - before + time.process_time() - own


async def compare(url: str, rounds: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {"prober": [], "elastic": [], "prober_run": []}
    cores = share_out(granted_cores(), 1)[0]
    async with pool(BrowserSettings(slots=1), EVENTCHAIN_URL=url) as probe:
        await pooled(probe)
        for _ in range(rounds):
            costs["prober"].append(await pooled(probe))
    for _ in range(rounds):
        costs["elastic"].append(elastic(url, cores))
        costs["prober_run"].append(prober_run(url, cores))
    return costs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds")
    quick = parser.parse_args().quick
    if not AGENT.exists():
        print(f"not compared: {AGENT.relative_to(ROOT)} is missing: {GET_IT}")
        return conclude("elastic", {"skipped": True}, BAR, None)
    ctypes.CDLL(None).prctl(SUBREAPER, 1)
    with shop() as url:
        costs = asyncio.run(compare(url, 2 if quick else 10))
    medians = {
        name: [statistics.median(column) for column in zip(*found, strict=True)] for name, found in costs.items()
    }
    figures = {
        f"{name}_{what}_s": round(value, 3)
        for name, pair in medians.items()
        for what, value in zip(("wall", "cpu"), pair, strict=True)
    }
    wall, cpu = (ours / theirs for ours, theirs in zip(medians["prober"], medians["elastic"], strict=True))
    figures |= {"wall_ratio": round(wall, 3), "cpu_ratio": round(cpu, 3)}
    return conclude("elastic", figures, BAR, None if quick else wall < 1 and cpu < 1)


if __name__ == "__main__":
    sys.exit(main())
