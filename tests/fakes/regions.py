"""Three real probers as three regions on one PostgreSQL, a target they reach by ways of their own, two channels."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fakes.postgres import Postgres
from fakes.process import Prober, prober
from fakes.receiver import Receiver, receiver

REGIONS = ("eu", "us", "ap")
CHANNELS = ("page", "chat")
AHEAD_S = {"eu": 0, "us": 30, "ap": 0}
"""By how much each region's wall clock is ahead."""
PATIENCE_S = 90.0
"""The end of any wait: what a machine with other things to do needs, not what the probers do."""

CONFIG = """
regions: [eu, us, ap]
store: {{url: "${{PROBER_STORE_URL}}", path: "${{LOCAL_PATH}}"}}
selfwatch: {{silent_after: 30s}}
defaults:
  interval: 1s
  timeout: 1s
  alert: {{down_after: 3, up_after: 2, partial_after: 6s, flapping: null}}
channels:
  page: {{kind: webhook, url: "{service}/page", per_minute: 6000}}
  chat: {{kind: webhook, url: "{service}/chat", per_minute: 6000}}
routes: [{{channels: [page, chat]}}]
checks:
  - {{id: shop, kind: http, url: "${{TARGET}}"}}
"""


class Target:
    """A service that some regions cannot reach: their connections are taken and closed without a word."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cut: frozenset[str] = frozenset()
        self.asked: Counter[str] = Counter()
        """How often each region has looked."""

    def answers(self, path: str) -> bool:
        region = path.strip("/")
        self.asked[region] += 1
        return region not in self.cut


@contextmanager
def target() -> Iterator[Target]:
    """A running one, on a free port of loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        service = Target(f"http://127.0.0.1:{server.server_address[1]}")
        server.RequestHandlerClass = _handler(service.answers)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def _handler(answers: Callable[[str], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.close_connection = True
            if answers(self.path):
                with contextlib.suppress(ConnectionError):
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler


@dataclass(frozen=True, order=True)
class Told:
    """One notice as it arrived at one channel."""

    kind: str
    condition: str
    check: str
    where: str
    """Whose view it is: "eu us | ap" where these two see it down and the third does not, or one region's alone."""

    def __str__(self) -> str:
        return f"{self.condition} {self.kind} {self.check} ({self.where})"


def told(body: dict[str, Any]) -> Told:
    together = body["regions_down"] or body["regions_up"]
    where = f"{' '.join(body['regions_down'])} | {' '.join(body['regions_up'])}" if together else body["region"]
    alone = ", quorum unavailable" if "quorum: unavailable" in body["note"] else ""
    return Told(body["kind"], body["condition"], body["check"], (where + alone).strip())


@dataclass
class World:
    """Everything that runs, and what was told since the scene began."""

    postgres: Postgres
    database: str
    target: Target
    service: Receiver
    folder: Path
    probers: dict[str, Prober] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    seen: int = 0
    """How many notices belong to earlier scenes."""

    def log(self, line: str) -> None:
        """A line of the timeline, which ``pytest -s`` shows."""
        sys.stdout.write(f"{time.monotonic() - self.begun:7.1f} s  {line}\n")
        sys.stdout.flush()

    def cut(self, *regions: str) -> None:
        self.target.cut = frozenset(regions)
        self.log(
            f"-- the target is cut off from {', '.join(regions)}" if regions else "-- the target is reached by all"
        )

    def until(self, holds: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
        end = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"never came: {what}; told was {self.told('page')}\n{self.logs()}")
            time.sleep(0.1)  # other processes' progress, not time passing

    def told(self, channel: str) -> list[Told]:
        """What one channel was told in this scene; what came twice by its key is there twice."""
        posted = [p for p in list(self.service.posted)[self.seen :] if p.path == f"/{channel}"]
        return [told(posted_one.body) for posted_one in posted]

    def wait_for_told(self, count: int, kind: str = "", condition: str = "") -> None:
        def enough() -> bool:
            fitting = (
                [t for t in self.told(channel) if kind in ("", t.kind) and condition in ("", t.condition)]
                for channel in CHANNELS
            )
            return all(len(list(some)) >= count for some in fitting)

        self.until(enough, f"{count} x {condition} {kind} on each channel")

    def rest_told(self) -> None:
        """Until every region has looked at the store since, and knows what was told."""
        self.run_on(5)

    def run_on(self, rounds: int, regions: tuple[str, ...] = REGIONS) -> None:
        """Until each of ``regions`` has looked at the target ``rounds`` times more."""
        before, asked = dict(self.target.asked), self.target.asked
        self.until(lambda: all(asked[r] >= before.get(r, 0) + rounds for r in regions), f"{rounds} more runs each")

    def rest(self) -> None:
        """Until nothing is open or on its way, and every region has looked several times more since then."""
        self.until(lambda: not self.unfinished(), "nothing is left to tell")
        self.run_on(5)
        assert not self.unfinished()

    def unfinished(self) -> list[Any]:
        """Incidents and notices that are not done, in the shared store and in every region's own."""
        incidents = "SELECT check_id, region, condition FROM incidents WHERE finished = 0"
        notices = "SELECT id, channel, kind FROM outbox WHERE status = 'pending'"
        found = [row for query in (incidents, notices) for row in self.postgres.run(query, self.database)]
        for path in self.folder.glob("*.db"):
            with contextlib.closing(sqlite3.connect(path, timeout=30.0)) as own:
                found += [(path.stem, *row) for query in (incidents, notices) for row in own.execute(query)]
        return found

    def logs(self) -> str:
        tails = (f"{region}: {line}" for region, process in self.probers.items() for line in process.lines[-15:])
        return "\n".join(tails)


@contextmanager
def world(postgres: Postgres, folder: Path) -> Iterator[World]:
    """Three probers that serve, and have settled on the target being up."""
    with ExitStack() as stack:
        place, service = stack.enter_context(target()), stack.enter_context(receiver())
        running = World(postgres, postgres.create(), place, service, folder)
        config = folder / "probes.yaml"
        config.write_text(CONFIG.format(service=service.url))
        for region in REGIONS:
            running.probers[region] = stack.enter_context(_region(running, config, region))
        running.until(lambda: _all_up(running), "all regions say up")
        running.rest()
        yield running


@contextmanager
def _region(world: World, config: Path, region: str) -> Iterator[Prober]:
    environ = {
        "PROBER_STORE_URL": world.database,
        "LOCAL_PATH": f"{region}.db",
        "TARGET": f"{world.target.url}/{region}",
    }
    with prober(
        *("serve", "--config", config, "--region", region, "--listen", "127.0.0.1:0"),
        environ=environ | _ahead(AHEAD_S[region]),
    ) as process:
        yield process


def _ahead(seconds: int) -> dict[str, str]:
    """The variables that put a process's wall clock ahead.

    Not by way of ``faketime`` itself: it stands between a process and the signals it is sent.
    """
    if not seconds:
        return {}
    asked = subprocess.run(["faketime", "-f", f"+{seconds}s", "env"], capture_output=True, text=True, check=True)
    library = next(line for line in asked.stdout.splitlines() if line.startswith("LD_PRELOAD="))
    return {
        "LD_PRELOAD": library.partition("=")[2],
        "FAKETIME": f"+{seconds}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _all_up(world: World) -> bool:
    rows = world.postgres.run("SELECT verdict FROM states", world.database) if _has_tables(world) else []
    return [verdict for (verdict,) in rows] == ["up"] * len(REGIONS)


def _has_tables(world: World) -> bool:
    return bool(world.postgres.run("SELECT 1 FROM pg_tables WHERE tablename = 'states'", world.database))


def stamp(text: str) -> float:
    """A notice's time as seconds since 1970."""
    return datetime.fromisoformat(re.sub("Z$", "+00:00", text)).astimezone(UTC).timestamp()
