"""A site of fixture pages, and a browser probe that lives in a thread for as long as a test module."""

from __future__ import annotations

import asyncio
import os
import tempfile
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import psutil

from prober.clock import SystemClock
from prober.journey.slots import PoolStats
from prober.log import Log
from prober.model import Observation
from prober.net import Net
from prober.probes import Context, Pooled
from prober.probes.browser import BrowserSettings, Spec, open_probe

PAGES = Path(__file__).parent.parent / "site"
HEAD = "import os\nfrom prober import journey, measure, step\nSITE = os.environ['EVENTCHAIN_URL']\n"
UNPINNED = BrowserSettings(slots=1, pinned=False)  # here nobody measures beside the browser, and it is faster that way
Value = TypeVar("Value")


class _Pages(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return None


@contextmanager
def site(handler: type[SimpleHTTPRequestHandler] = _Pages) -> Iterator[str]:
    """The pages of ``tests/site`` over HTTP, as ``handler`` hands them out; yields their base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(PAGES)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def context(timeout_s: float = 20.0, artifacts: Path | None = None, check_id: str = "fixture") -> Context:
    """What the engine would hand a probe; journeys look at no resolver."""
    clock = SystemClock()
    net: Any = Net.__new__(Net)
    deadline = clock.monotonic() + timeout_s
    return Context(check_id, "here", "run", deadline, clock, net, artifacts, Log())


@dataclass(frozen=True)
class Browsing:
    """Runs journeys, written as texts, through one warm pool."""

    home: Path
    probe: Pooled
    loop: asyncio.AbstractEventLoop

    def run(self, source: str, *, timeout_s: float = 20.0, artifacts: bool = False, **fields: Any) -> Observation:
        """Run the journey whose file is ``source`` under a head with the usual imports and ``SITE``."""
        file = self.home / "fixture.py"
        file.write_text(HEAD + textwrap.dedent(source))
        return self.run_file(file, timeout_s=timeout_s, artifacts=artifacts, **fields)

    def run_file(self, file: Path, *, timeout_s: float = 20.0, artifacts: bool = False, **fields: Any) -> Observation:
        spec = Spec(id="fixture", journey=str(file), timeout=f"{timeout_s:g}s", interval="1h", **fields)
        ctx = context(timeout_s, self.home / "artifacts" if artifacts else None)
        return self.wait(lambda: self.probe(spec, ctx), timeout_s + 2)

    def warm(self) -> list[str]:
        """Wait until the pool stands ready; the processes and directories it consists of then."""
        self.until(lambda stats: stats.busy == 0 and stats.workers >= 1)
        return left_over()

    def until(self, holds: Callable[[PoolStats], bool], within_s: float = 20.0) -> PoolStats:
        """Wait until the pool's figures are as wanted."""
        end = time.monotonic() + within_s
        while not holds(stats := self.probe.stats()["chromium"]):
            assert time.monotonic() < end, stats
            time.sleep(0.02)
        return stats

    def wait(self, call: Callable[[], Awaitable[Value]], timeout_s: float) -> Value:
        async def called() -> Value:
            return await call()

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(timeout_s)


@contextmanager
def browsing(
    home: Path, settings: BrowserSettings | None = None, opener: Callable[..., Any] = open_probe, **environ: str
) -> Iterator[Browsing]:
    """A pool of one browser, or of what ``opener`` opens, in a loop and thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opened = opener(settings or UNPINNED, {**os.environ, **environ})
    try:
        probe = asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result(10)
        yield Browsing(home, probe, loop)
    finally:
        asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def left_over() -> list[str]:
    """Processes and directories of this process's workers that are still there."""
    mark = f"prober-worker-{os.getpid()}-"
    processes = []
    for process in psutil.process_iter():
        try:
            texts = (*process.cmdline(), process.environ().get("TMPDIR", ""))
        except (psutil.Error, OSError):
            continue
        if any(mark in text for text in texts):
            processes.append(f"{process.pid} {process.name()}")
    return processes + [str(path) for path in Path(tempfile.gettempdir()).glob(f"{mark}*")]
