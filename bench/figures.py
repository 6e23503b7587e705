"""What the benches share: the shop, the pool, processor time of process trees, and the line each ends with."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil

from prober.clock import SystemClock
from prober.journey.cores import pin
from prober.log import Log
from prober.model import Observation
from prober.net import Net
from prober.probes import Context, Pooled
from prober.probes.browser import BrowserSettings, Spec, open_probe

ROOT = Path(__file__).parent.parent
PURCHASE = ROOT / "checks" / "purchase.py"
POOL = "chromium"


def conclude(bench: str, figures: dict[str, Any], bar: str, holds: bool | None) -> int:
    """Print the closing line; ``holds`` is None where nothing was judged. Returns the exit code."""
    print(json.dumps({"bench": bench, **figures, "bar": bar, "holds": holds}))
    return 1 if holds is False else 0


def tree_cpu_s(pid: int) -> float:
    """Processor seconds of ``pid`` and its descendants, those that exited and were waited for included."""
    root = psutil.Process(pid)
    return sum(map(_cpu_s, [root, *root.children(recursive=True)]))


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


@contextmanager
def shop(cores: frozenset[int] = frozenset()) -> Iterator[str]:
    """The demo shop in a process of its own, so that its work is in nobody's figures; yields its URL.

    It stays on ``cores`` where some are named.
    """
    code = (
        "import sys\n"
        "from prober.demo.server import running\n"
        "with running() as url:\n"
        "    print(url, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    pin(process.pid, cores)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@asynccontextmanager
async def pool(settings: BrowserSettings, **environ: str) -> AsyncIterator[Pooled]:
    """A browser probe whose first browser stands ready."""
    logging.getLogger().setLevel(logging.ERROR)
    async with open_probe(settings, {**os.environ, **environ}, ROOT) as probe:
        await ready(probe)
        yield probe


async def ready(probe: Pooled) -> None:
    """Wait until the pool is at rest with a browser in it."""
    for _ in range(6000):
        stats = probe.stats()[POOL]
        if stats.workers and not stats.busy:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"the pool does not come to rest: {probe.stats()}")


async def run(probe: Pooled, journey: Path, timeout_s: float = 60.0) -> Observation:
    """One run of ``journey`` as the engine would have it done."""
    clock = SystemClock()
    net: Any = Net.__new__(Net)  # journeys ask no resolver of ours
    ctx = Context("bench", "here", "run", clock.monotonic() + timeout_s, clock, net, None, Log())
    return await probe(Spec(id="bench", journey=str(journey), timeout=f"{timeout_s:g}s", interval="1h"), ctx)


def workers_below(pid: int) -> list[int]:
    """The worker processes that ``pid`` has started."""
    children = psutil.Process(pid).children()
    return [child.pid for child in children if any("browser.worker" in part for part in child.cmdline())]
