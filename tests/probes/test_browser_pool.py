"""Browsers kept for months: warm, on cores of their own, replaced when they die, joined elsewhere, never orphaned."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from fakes.browsing import HEAD, Browsing, browsing, context, left_over, site
from pydantic import ValidationError

from prober.app.pools import pool_families, pools_of
from prober.faults import ProbeError
from prober.journey.home import PREFIX, remove_orphans
from prober.model import Reason
from prober.probes.browser import BrowserSettings, Spec, open_probe
from prober.probes.browser.find import find_browser

OPENS = """
@journey
async def opens(page):
    async with step("Open"):
        await page.goto(f"{SITE}/quick.html")
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    settings = BrowserSettings(slots=1)
    with site() as base, browsing(tmp_path_factory.mktemp("pool"), settings, EVENTCHAIN_URL=base) as pool:
        yield pool
    assert left_over() == []


def family(browser: Browsing) -> list[psutil.Process]:
    """The pool's worker with its driver and Chromium, as they stand ready."""
    pids = [int(line.split()[0]) for line in browser.warm() if not line.startswith("/")]
    return [psutil.Process(pid) for pid in pids]


def test_a_browser_stands_ready_before_the_first_journey_and_its_start_is_told_apart(browser: Browsing) -> None:
    stats = browser.until(lambda stats: stats.starts == 1 and stats.busy == 0)
    started = time.monotonic()
    seen = browser.run(OPENS)
    assert seen.failure is None
    assert browser.probe.stats()["chromium"].starts == 1
    assert seen.facts["browser_start_s"] > 0
    assert seen.duration_s < time.monotonic() - started
    assert stats.start_s >= seen.facts["browser_start_s"]


def test_the_browser_stays_off_the_first_core_and_the_prober_on_all_of_them(browser: Browsing) -> None:
    granted = os.sched_getaffinity(0)
    wanted = granted - {min(granted)} or granted
    processes = family(browser)
    assert any("chrom" in process.name() for process in processes)
    assert {frozenset(process.cpu_affinity()) for process in processes} == {frozenset(wanted)}


def test_a_browser_that_dies_while_idle_costs_no_run(browser: Browsing) -> None:
    before = browser.probe.stats()["chromium"]
    main = next(process for process in family(browser) if "--remote-debugging-pipe" in process.cmdline())
    main.kill()
    assert browser.run(OPENS).failure is None
    browser.until(lambda stats: sum(stats.recycled.values()) > sum(before.recycled.values()))


def test_what_the_pool_does_can_be_scraped(browser: Browsing) -> None:
    browser.run(OPENS)
    families = {family.name: family for family in pool_families(pools_of({"browser": browser.probe}))}
    runs = families["prober_pool_runs"].samples[0]
    assert (runs.labels, runs.value >= 1) == ({"pool": "chromium"}, True)
    assert families["prober_pool_slots"].samples[0].value == 1


def test_a_missing_engine_says_how_to_get_it(browser: Browsing, tmp_path: Path) -> None:
    file = tmp_path / "opens.py"
    file.write_text(HEAD + OPENS)

    async def probed() -> None:
        environ = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path), "EVENTCHAIN_URL": "http://127.0.0.1:9"}
        async with open_probe(BrowserSettings(slots=1, executable="/bin/false"), environ) as probe:
            await probe(Spec(id="x", journey=str(file), browser="firefox"), context())

    with pytest.raises(ProbeError, match="`playwright install firefox`") as caught:
        asyncio.run(probed())
    assert caught.value.reason is Reason.NO_BROWSER


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextmanager
def started(*command: str, says: str) -> Iterator[str]:
    """A program until the block ends; yields the first line it prints that contains ``says``."""
    home = tempfile.mkdtemp(prefix="remote-browser-")
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": home},
    )
    assert process.stdout is not None
    try:
        yield next(line for line in process.stdout if says in line)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def runs_there(home: Path, connect: str) -> None:
    settings = BrowserSettings(slots=1, connect=connect)
    with site() as base, browsing(home, settings, EVENTCHAIN_URL=base) as there:
        for _ in range(2):
            seen = there.run(OPENS)
            assert seen.failure is None
            assert seen.steps[0].navigations[0].lcp_s is not None
        assert seen.facts["browser"].startswith("chromium ")
        assert seen.facts["browser_endpoint"].startswith("127.0.0.1:")
        assert "browser_executable" not in seen.facts


@pytest.mark.slow
def test_journeys_run_in_a_browser_elsewhere_over_its_devtools(tmp_path: Path) -> None:
    chromium = str(find_browser(BrowserSettings(), os.environ))
    command = (chromium, "--headless=new", "--no-sandbox", "--remote-debugging-port=0", f"--user-data-dir={tmp_path}/u")
    with started(*command, "about:blank", says="DevTools listening on") as line:
        endpoint = line.split()[-1]
        runs_there(tmp_path, endpoint)
        runs_there(tmp_path, "http://" + endpoint.removeprefix("ws://").partition("/")[0])


def test_journeys_run_in_a_browser_of_a_playwright_server(tmp_path: Path) -> None:
    config = tmp_path / "launch.json"
    config.write_text(
        json.dumps({"executablePath": str(find_browser(BrowserSettings(), os.environ)), "host": "127.0.0.1"})
    )
    command = (sys.executable, "-m", "playwright", "launch-server", "--browser=chromium", f"--config={config}")
    with started(*command, says="ws://") as line:
        runs_there(tmp_path, line.strip())


def test_a_grid_that_is_not_there_is_no_browser_and_its_token_stays_unsaid(tmp_path: Path) -> None:
    for scheme in ("ws", "http"):
        settings = BrowserSettings(slots=1, connect=f"{scheme}://127.0.0.1:{free_port()}/?token=hush-hush")
        with browsing(tmp_path, settings, EVENTCHAIN_URL="x") as there, pytest.raises(ProbeError) as caught:
            there.run(OPENS)
        assert caught.value.reason is Reason.NO_BROWSER
        assert "no browser at 127.0.0.1:" in caught.value.message
        assert "hush" not in caught.value.message


@pytest.mark.parametrize("connect", ["nowhere", "ftp://host/", "ws://", "http://host:port/"])
def test_an_address_that_leads_nowhere_is_refused_at_once(connect: str) -> None:
    with pytest.raises(ValidationError, match="connect"):
        BrowserSettings(connect=connect)
    with pytest.raises(ValidationError, match="firefox needs the ws:// or wss:// address"):
        BrowserSettings(connect="http://host:9222", engine="firefox")


PROBER = """
import asyncio, sys
from fakes.browsing import context
from prober.probes.browser import BrowserSettings, Spec, open_probe

async def main():
    async with open_probe(BrowserSettings(slots=1)) as probe:
        while probe.stats()["chromium"].starts < 1:
            await asyncio.sleep(0.01)
        print("ready", flush=True)
        await probe(Spec(id="x", journey=sys.argv[1], timeout="60s", interval="1h"), context(60))

asyncio.run(main())
"""


def processes_at(homes: list[Path]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and any(
                str(home) in text for home in homes for text in (*process.cmdline(), *process.environ().values())
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def apart() -> Iterator[Path]:
    """A place for temporary files where no other prober looks for orphans; with a short name, as sockets need."""
    with tempfile.TemporaryDirectory(prefix="p-") as place:
        yield Path(place)


@pytest.mark.parametrize(
    "frozen",
    [pytest.param(False, id="running"), pytest.param(True, id="with its browser frozen", marks=pytest.mark.slow)],
)
def test_what_a_killed_prober_leaves_behind_is_ended_by_the_next_one(
    tmp_path: Path, apart: Path, monkeypatch: pytest.MonkeyPatch, frozen: bool
) -> None:
    file = tmp_path / "hangs.py"
    file.write_text(
        textwrap.dedent("""
            import asyncio, pathlib
            from prober import journey
            @journey
            async def hangs(page):
                pathlib.Path(__file__).with_suffix(".running").touch()
                await asyncio.sleep(99)
        """)
    )
    process = subprocess.Popen(
        [sys.executable, "-c", PROBER, str(file)],
        cwd=Path(__file__).parent.parent.parent,
        env={**os.environ, "PYTHONPATH": "tests", "TMPDIR": str(apart)},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(file.with_suffix(".running").exists)
        homes = list(apart.glob(f"{PREFIX}*"))
        there = processes_at(homes)
        assert len(there) > 3
        if frozen:
            [one.suspend() for one in there if "chrom" in one.name()]
    finally:
        process.kill()
        process.wait()
    monkeypatch.setattr(tempfile, "tempdir", str(apart))
    if frozen:  # nobody but the next prober can end those
        time.sleep(0.3)
        assert processes_at(homes)
        assert remove_orphans() == 1
    else:
        wait_until(lambda: not processes_at(homes))
        remove_orphans()
    assert processes_at(homes) == []
    assert not any(home.exists() for home in homes)


def wait_until(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
