"""kill -9 again and again, while it probes, commits and sends: nothing is lost, told in a wrong order, or doubled."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from figures import conclude
from rich.console import Console
from rich.table import Table
from services import CHANNELS, Services, Taken, respond, services, serving

CHECKS = 6
INTERVAL_S, TIMEOUT_S, DOWN_AFTER = 0.3, 0.3, 2
BOUND_S = INTERVAL_S + (DOWN_AFTER - 1) * max(INTERVAL_S / 2, TIMEOUT_S) + TIMEOUT_S + 2.0
LONG_LIFE_S = BOUND_S + 3.0
"""Now and then a prober lives for so long that it has to notice an outage."""
LONG_EVERY = 10
SETTLING_S = 180.0
KEYED = ("alertmanager", "opsgenie", "pagerduty", "webhook")
"""Services that tell repetitions by a key."""
BAR = (
    "lost, wrong_order, and doubled after the service's own dedup = 0; duplicates of a channel <= kills + its hang-ups"
)
CONFIG = """
regions: [here]
store: {{path: prober.db}}
web: {{listen: "127.0.0.1:0"}}
defaults: {{interval: 300ms, timeout: 300ms, alert: {{down_after: 2, up_after: 2, flapping: null}}}}
channels:
{channels}
routes: [{{channels: [{names}]}}]
checks:
{checks}
"""


@dataclass
class Target:
    """What is probed: each check has a path, and some are broken."""

    rng: random.Random
    broken: dict[str, float] = field(default_factory=dict)
    """Since when."""
    outages: list[tuple[str, float, float]] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        respond(handler, 503 if handler.path.strip("/") in self.broken else 200)

    def break_(self, check: str) -> None:
        self.broken.setdefault(check, time.time())

    def heal(self, check: str) -> None:
        if check in self.broken:
            self.outages.append((check, self.broken.pop(check), time.time()))

    def churn(self) -> None:
        """Break and heal one check after another; the last one is left to outages that have to be noticed."""
        while not self._ended.wait(self.rng.expovariate(1.5)):
            check = f"c{self.rng.randrange(CHECKS - 1)}"
            (self.heal if check in self.broken else self.break_)(check)

    @contextmanager
    def churning(self) -> Iterator[None]:
        thread = threading.Thread(target=self.churn)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            for check in list(self.broken):
                self.heal(check)


@dataclass
class Chaos:
    """One run of it."""

    folder: Path
    rng: random.Random
    target: Target
    services: Services
    kills: Counter[str] = field(default_factory=Counter)
    lives: list[tuple[float, float]] = field(default_factory=list)
    """(probing from, until) of every process."""

    def live(self, number: int) -> None:
        """Start a prober, and kill it in one of the ways."""
        ways: list[Callable[[subprocess.Popen[str]], str]] = [self._any_time, self._while_sending, self._while_writing]
        with self.prober() as process:
            if not said_serving(process):
                raise SystemExit("the prober did not start again")
            began = time.time()
            way = self._long if number % LONG_EVERY == LONG_EVERY // 2 else ways[number % len(ways)]
            self.kills[way(process)] += 1
            process.kill()
            process.wait()
            self.lives.append((began, time.time()))

    @contextmanager
    def prober(self) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "prober", "serve", "--config", str(self.folder / "probes.yaml")]
        environ = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ)
        with process:
            try:
                yield process
            finally:
                process.kill()

    # The ways to die.

    def _any_time(self, _: subprocess.Popen[str]) -> str:
        time.sleep(self.rng.uniform(0.0, 2.5))
        return "at any time"

    def _long(self, _: subprocess.Popen[str]) -> str:
        self.target.break_(f"c{CHECKS - 1}")
        time.sleep(LONG_LIFE_S)
        self.target.heal(f"c{CHECKS - 1}")
        return "after a while"

    def _while_sending(self, process: subprocess.Popen[str]) -> str:
        """After a service took a notice and before it says so."""
        struck = threading.Event()

        def strike() -> None:
            process.kill()
            struck.set()

        self.services.on_take = strike
        found = struck.wait(6.0)
        self.services.on_take = None
        return "between taken and answered" if found else "at any time"

    def _while_writing(self, _: subprocess.Popen[str]) -> str:
        """While the store's log is being written."""
        time.sleep(self.rng.uniform(0.0, 1.5))
        log = self.folder / "prober.db-wal"
        before, end = _written(log), time.monotonic() + 5.0
        while _written(log) == before and time.monotonic() < end:
            time.sleep(0.0005)
        return "while committing"

    def settle(self) -> None:
        """Let a last prober tell all that is left."""
        self.services.unwell = False
        with self.prober() as process:
            said_serving(process)
            end = time.monotonic() + SETTLING_S
            while self.left() and time.monotonic() < end:
                time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            process.wait(60.0)

    def rows(self, query: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.folder / "prober.db", timeout=30.0)) as store:
            return store.execute(query).fetchall()

    def left(self) -> int:
        """Incidents and notices that are not done."""
        query = "SELECT (SELECT count(*) FROM incidents WHERE finished = 0), "
        query += "(SELECT count(*) FROM outbox WHERE status = 'pending'), "
        query += "(SELECT count(*) FROM states WHERE verdict != 'up')"
        return sum(self.rows(query)[0])


def said_serving(process: subprocess.Popen[str]) -> bool:
    """Wait until it probes; what it says later is read and forgotten."""
    assert process.stderr is not None
    found = any('"serving"' in line for line in process.stderr)
    threading.Thread(target=lambda: [*process.stderr], daemon=True).start()
    return found


def _written(log: Path) -> tuple[int, int]:
    try:
        status = log.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


@dataclass
class Reckoning:
    """What came of the notices of one channel."""

    told: int = 0
    taken: int = 0
    lost_triggers: int = 0
    lost_resolves: int = 0
    wrong_order: int = 0
    duplicates: int = 0
    doubled: int = 0

    @property
    def lost(self) -> int:
        return self.lost_triggers + self.lost_resolves


def reckon(channel: str, told: list[str], taken: list[Taken]) -> Reckoning:
    """Hold what one service took against the incidents that were ``told``."""
    found = Reckoning(len(told))
    for incident in told:
        mine = [one for one in taken if one.channel == channel and one.incident == incident]
        kinds = [one.kind for one in mine]
        found.taken += len(mine)
        found.lost_triggers += "trigger" not in kinds
        found.lost_resolves += "resolve" not in kinds
        found.wrong_order += kinds != sorted(kinds, reverse=True)
        found.duplicates += len(kinds) - len(set(kinds))
        if channel in KEYED:
            found.doubled += len({one.key for one in mine}) - len(set(kinds))
    return found


def missed(chaos: Chaos) -> int:
    """Outages that a prober lived through long enough to notice, and of which there is no incident."""
    rows = chaos.rows("SELECT check_id, opened_at, coalesce(closed_at, 1e12) FROM incidents WHERE condition = 'down'")
    found = 0
    for check, began, ended in chaos.target.outages:
        seen = max((min(ended, b) - max(began, a + INTERVAL_S) for a, b in chaos.lives), default=0.0)
        known = any(name == check and opened <= ended and closed >= began for name, opened, closed in rows)
        found += seen >= BOUND_S and not known
    return found


def written(folder: Path, target: str, service: str) -> None:
    channels = "\n".join(
        f"  {name}: {spec.format(url=f'{service}/{name}')[:-1]}, per_minute: 6000}}" for name, spec in CHANNELS.items()
    )
    checks = "\n".join(f'  - {{id: c{n}, kind: http, url: "{target}/c{n}"}}' for n in range(CHECKS))
    text = CONFIG.format(channels=channels, names=", ".join(CHANNELS), checks=checks)
    (folder / "probes.yaml").write_text(text)


def show(found: dict[str, Reckoning]) -> None:
    table = Table(title="what each service took")
    heads = ("channel", "incidents told", "notices taken", "lost", "wrong order", "duplicates", "doubled after dedup")
    for head in heads:
        table.add_column(head, justify="left" if head == "channel" else "right")
    for channel, one in found.items():
        doubled = str(one.doubled) if channel in KEYED else "no keys"
        numbers = (one.told, one.taken, one.lost, one.wrong_order, one.duplicates)
        table.add_row(channel, *map(str, numbers), doubled)
    Console(width=110).print(table)


def run(kills: int, seed: int, folder: Path) -> tuple[Chaos, dict[str, Reckoning]]:
    target = Target(random.Random(seed + 1))
    with serving(target.answer) as place, services(random.Random(seed + 2)) as told:
        written(folder, place, told.url)
        chaos = Chaos(folder, random.Random(seed), target, told)
        with target.churning():
            for number in range(kills):
                chaos.live(number)
        chaos.settle()
        down = "SELECT id FROM incidents WHERE condition = 'down' AND json_extract(payload, '$.told_at') IS NOT NULL"
        ids = [row[0] for row in chaos.rows(down)]
        return chaos, {channel: reckon(channel, ids, told.taken) for channel in CHANNELS}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how often (100)")
    parser.add_argument("--seed", type=int, default=2026, help="of all that is random here")
    parser.add_argument("--quick", action="store_true", help="five kills")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chaos, found = run(5 if asked.quick else asked.kills, asked.seed, Path(folder))
        left, unseen = chaos.left(), missed(chaos)
    show(found)
    print("killed", ", ".join(f"{count} x {way}" for way, count in chaos.kills.items()))
    print("services", ", ".join(f"{what} {count} x" for what, count in chaos.services.injected.items()))
    kills, hung_up = sum(chaos.kills.values()), chaos.services.hung_up
    lost = sum(one.lost for one in found.values()) + unseen
    doubled, wrong = sum(one.doubled for one in found.values()), sum(one.wrong_order for one in found.values())
    # Alertmanager is told again what stands, by design. Of the others each may have one notice on its way at a crash.
    repeated = {name: one.duplicates for name, one in found.items() if name != "alertmanager"}
    bounded = all(count <= kills + hung_up[name] for name, count in repeated.items())
    figures = {
        "kills": kills,
        "outages": len(chaos.target.outages),
        "incidents": max(one.told for one in found.values()),
        "lost": lost,
        "wrong_order": wrong,
        "duplicates": sum(repeated.values()),
        "most_duplicates_of_a_channel": max(repeated.values()),
        "hung_up": sum(hung_up.values()),
        "doubled": doubled,
        "left": left,
    }
    holds = not (lost or wrong or doubled or left) and bounded and figures["incidents"] > 0
    return conclude("chaos", figures, BAR, holds)


if __name__ == "__main__":
    sys.exit(main())
