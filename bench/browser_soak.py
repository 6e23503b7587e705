"""Runs journeys one after another and watches what grows: memory, processes, temporary files, descriptors.

Every tenth run crashes or hangs on purpose, each time another way. Samples are taken at rest, always the same number of
runs after a fault, so that they compare browsers of one age, and of the memory the least of some looks counts, since a
browser takes its time to end a page's process. The table shows them; the last line judges the medians of the last third
against those of the first, from run 20 on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil
from figures import POOL, conclude, pool, ready, run, workers_below
from rich.console import Console
from rich.table import Table

from prober.probes import Pooled
from prober.probes.browser import BrowserSettings

MOST = 0.05
BAR = f"memory, processes, files and descriptors within {MOST:.0%} from run 20 on; nothing left afterwards"
SAMPLE_AT = 8  # runs after a fault, before the next
LOOKS, LOOK_EVERY_S = 5, 0.5
FAULT_TIMEOUT_S = 6.0
MEBI = 1 << 20
PAGE = "<!doctype html><title>soak</title><h1>Soak</h1><p>One page.</p><button>Press</button>"

HEAD = "import asyncio, os, psutil, signal\nfrom prober import journey, step\n"
FINE = """
@journey
async def fine(page):
    async with step("Open"):
        await page.goto(os.environ["EVENTCHAIN_URL"])
    async with step("Press"):
        await page.get_by_role("button").click()
"""
FAULTS = {
    "page crash": 'await page.goto("chrome://crash")',
    "hung page": 'await page.evaluate("while (true);")',
    "browser killed": "[one.kill() for one in psutil.Process().children(recursive=True) if 'chrom' in one.name()]\n"
    "        await page.title()",
    "browser frozen": "[one.suspend() for one in psutil.Process().children(recursive=True) if 'chrom' in one.name()]\n"
    "        await page.title()",
    "blocked loop": "while True: pass",
    "worker killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "failing step": "assert False",
}


@dataclass(frozen=True)
class Sample:
    """What is there at rest after so many runs."""

    runs: int
    pool_mib: float
    """Worker, driver and browser: what they made, without the programs they share with every other browser here."""
    own_mib: float
    """The prober's own process: resident."""
    processes: int
    zombies: int
    files: int
    """Temporary ones, of everybody here."""
    descriptors: int


def take_sample(runs: int, home: Path) -> Sample:
    own, ours = psutil.Process(), belonging(home)
    return Sample(
        runs,
        round(least_bytes(own.pid) / MEBI, 1),
        round(own.memory_info().rss / MEBI, 1),
        sum(not is_zombie(one) for one in ours),
        sum(is_zombie(one) for one in psutil.process_iter()),
        sum(len(files) + len(folders) for _, folders, files in os.walk(home)),
        own.num_fds(),
    )


def least_bytes(prober: int) -> int:
    """What the pool takes at rest: the least of some looks."""
    seen = []
    for _ in range(LOOKS if workers_below(prober) else 1):
        members = (one for pid in workers_below(prober) for one in psutil.Process(pid).children(recursive=True))
        seen.append(sum(made_bytes(pid) for pid in (*workers_below(prober), *(one.pid for one in members))))
        time.sleep(LOOK_EVERY_S)
    return min(seen)


def made_bytes(pid: int) -> int:
    """Anonymous and shared memory of a process, by its proportional share; not the files it maps."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def belonging(home: Path) -> list[psutil.Process]:
    """Every worker with what it started, and every process that was given ``home`` for its files: orphans too."""
    found = {process for pid in workers_below(os.getpid()) for process in psutil.Process(pid).children(recursive=True)}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and str(home) in process.environ().get("TMPDIR", ""):
                found.add(process)
    return [process for process in found if process.is_running()]


def last_sample(runs: int, home: Path, zombies: int) -> Sample:
    """Taken when the system has reaped what we killed, or would not within some seconds."""
    for _ in range(50):
        sample = take_sample(runs, home)
        if sample.zombies <= zombies:
            break
        time.sleep(0.2)
    return sample


@contextmanager
def page() -> Iterator[str]:
    """A tiny page, served by a process of its own; yields its URL."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "index.html").write_text(PAGE)
        command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", place, "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split("(")[1].split(")")[0]
        finally:
            process.kill()
            process.communicate()


def write_journeys(home: Path) -> tuple[Path, list[Path]]:
    fine = home / "fine.py"
    fine.write_text(HEAD + FINE)
    faulty = []
    for name, body in FAULTS.items():
        file = home / f"{name.replace(' ', '_')}.py"
        file.write_text(f'{HEAD}@journey\nasync def faulty(page):\n    async with step("{name}"):\n        {body}\n')
        faulty.append(file)
    return fine, faulty


async def soak(runs: int, every: int, journeys: Path, home: Path, url: str) -> tuple[list[Sample], dict[str, int]]:
    """Samples before, during and after ``runs`` runs, and why workers were replaced."""
    fine, faulty = write_journeys(journeys)
    samples = [take_sample(0, home)]
    async with pool(BrowserSettings(slots=1), EVENTCHAIN_URL=url, TMPDIR=str(home)) as probe:
        for number in range(1, runs + 1):
            if every and number % every == 0:
                await run(probe, faulty[number // every % len(faulty)], FAULT_TIMEOUT_S)
                continue
            await run_fine(probe, fine)
            if number % 10 == SAMPLE_AT:
                await ready(probe)
                samples.append(await asyncio.to_thread(take_sample, number, home))
                print(f"{number} of {runs} runs", file=sys.stderr, flush=True)
        recycled = dict(probe.stats()[POOL].recycled)
    return [*samples, last_sample(runs, home, samples[0].zombies)], recycled


async def run_fine(probe: Pooled, journey: Path) -> None:
    seen = await run(probe, journey)
    assert seen.failure is None, seen.failure


def growth(samples: Sequence[Sample]) -> dict[str, float]:
    """Relative change of each figure from run 20 to the end: the median of the last third against the first's."""
    steady = [sample for sample in samples[1:-1] if sample.runs >= 18]
    third = max(3, len(steady) // 3)
    early, late = steady[:third], steady[-third:]

    def change(name: str) -> float:
        before = statistics.median(getattr(one, name) for one in early)
        after = statistics.median(getattr(one, name) for one in late)
        return round(after / max(before, 1) - 1, 3)

    return {name: change(name) for name in ("pool_mib", "own_mib", "processes", "files", "descriptors")}


def table(samples: Sequence[Sample]) -> Table:
    shown = Table(title="at rest")
    for heading in ("runs", "pool MiB", "own MiB", "processes", "zombies", "files", "descriptors"):
        shown.add_column(heading, justify="right")
    step = max(1, len(samples) // 20)
    for sample in [*samples[:-1:step], samples[-1]]:
        shown.add_row(*map(str, astuple(sample)))
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--every", type=int, default=10, help="which runs crash or hang; 0 for none")
    parser.add_argument("--quick", action="store_true", help="20 runs, no judgement on growth")
    asked = parser.parse_args()
    runs = 20 if asked.quick else asked.runs
    with page() as url, tempfile.TemporaryDirectory() as journeys, tempfile.TemporaryDirectory(prefix="s-") as home:
        tempfile.tempdir = home  # where the pool makes the directories of its workers
        samples, recycled = asyncio.run(soak(runs, asked.every, Path(journeys), Path(home), url))
        tempfile.tempdir = None
    Console(width=100).print(table(samples))
    before, after = samples[0], samples[-1]
    left = {"processes": after.processes, "files": after.files, "zombies": after.zombies - before.zombies}
    clean = not any(value > 0 for value in left.values())
    figures = {"runs": runs, "recycled": recycled, "left": left}
    if runs < 60:
        return conclude("browser_soak", figures, BAR, clean and None)
    grown = growth(samples)
    holds = clean and all(change <= MOST for change in grown.values())
    return conclude("browser_soak", {**figures, "change": grown}, BAR, holds)


if __name__ == "__main__":
    sys.exit(main())
