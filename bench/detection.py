"""From an outage to the notice handed to its channel, over many phases, held against the bound that re-checks promise.

Each check's target breaks at a random moment of its own, so that what is measured is an outage and not the queue of
many at once: a channel is told of those one after another.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from figures import conclude
from rich.console import Console
from rich.table import Table
from services import respond, serving

from prober.model import Check
from prober.schedule import Plan, plan_for

INTERVAL_S, TIMEOUT_S, DOWN_AFTER = 4.0, 2.5, 3
RUN_TIMES_S = (0.0, 1.25, TIMEOUT_S)
"""How long a failing run takes: at once, half of the timeout, all of it."""
SLACK_S = 2.0
A_SECOND = 6
"""So many targets break in a second."""
PATIENCE_S = 60.0
BAR = "worst <= I + (down_after - 1) x (max(I/2, T) up to half-interval slots) + T + 2 s, for each run time T"
CONFIG = """
regions: [here]
web: {{listen: "127.0.0.1:0"}}
defaults: {{interval: 4s, timeout: 2500ms, alert: {{down_after: 3, up_after: 1, flapping: null}}}}
channels: {{hook: {{kind: webhook, url: "{hook}", per_minute: 6000}}}}
routes: [{{channels: [hook]}}]
checks:
{checks}
"""


def bound_s(run_s: float, interval_s: float = INTERVAL_S, down_after: int = DOWN_AFTER) -> float:
    """The latest that an outage may be told, counted from its beginning."""
    half = interval_s / 2
    between = math.ceil(max(half, run_s) / half - 1e-9) * half
    return interval_s + (down_after - 1) * between + run_s + SLACK_S


def fixed_s(plan: Plan, broken_at: float, run_s: float) -> float:
    """When checking on the interval's slots alone would have told it: at the end of the last run that it takes."""
    return plan.first_after(broken_at) + (DOWN_AFTER - 1) * plan.interval_s + run_s - broken_at


@dataclass
class Scene:
    """A target that breaks, and a webhook that hears of it."""

    broken: dict[str, float] = field(default_factory=dict)
    """Since when, by the monotonic clock."""
    ended: threading.Event = field(default_factory=threading.Event)
    told: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each check's (trigger or resolve) arrived."""
    looked: set[str] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def target(self, handler: BaseHTTPRequestHandler) -> None:
        check = handler.path.strip("/")
        if check not in self.broken:
            with self._changed:
                self.looked.add(check)
                self._changed.notify_all()
            respond(handler, 200)
            return
        self.ended.wait(silence_s(check))  # a slow failure takes its time
        respond(handler, 503)

    def hook(self, handler: BaseHTTPRequestHandler) -> None:
        at = time.monotonic()
        said = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        respond(handler, 200)
        with self._changed:
            self.told.setdefault((said["check"], said["kind"]), at)
            self._changed.notify_all()

    def wait(self, count: int, kind: str) -> bool:
        """Until so many checks were told of."""
        with self._changed:
            return self._changed.wait_for(lambda: sum(key[1] == kind for key in self.told) >= count, PATIENCE_S)

    def wait_until_all_were_looked_at(self, count: int) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.looked) >= count, PATIENCE_S):
                raise SystemExit(f"only {len(self.looked)} of {count} checks ran")


def run_time_s(check: str) -> float:
    """How long its failing runs take."""
    return RUN_TIMES_S[int(check[1])]


def silence_s(check: str) -> float:
    """For how long its target says nothing; what lasts as long as the timeout never answers in time."""
    run_s = run_time_s(check)
    return run_s + 1.0 if run_s >= TIMEOUT_S else run_s


def names(per_time: int) -> list[str]:
    return [f"t{which}-{number}" for which in range(len(RUN_TIMES_S)) for number in range(per_time)]


def measure(per_time: int, rounds: int, rng: random.Random, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """By check: (told after, told after with fixed intervals) for each round."""
    checks, scene = names(per_time), Scene()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in checks}
    with serving(scene.target) as place, serving(scene.hook) as hook:
        listed = "\n".join(f'  - {{id: {name}, kind: http, url: "{place}/{name}"}}' for name in checks)
        (folder / "probes.yaml").write_text(CONFIG.format(hook=hook, checks=listed))
        command = [sys.executable, "-m", "prober", "serve", "--config", str(folder / "probes.yaml")]
        environ = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
            try:
                assert process.stderr is not None
                serving_line = next((line for line in process.stderr if re.search('"serving"', line)), "")
                if not serving_line:
                    raise SystemExit("the prober did not start")
                threading.Thread(target=lambda: [*process.stderr], daemon=True).start()
                for number in range(rounds):
                    if number:
                        heal(scene, len(checks))
                    one_round(scene, checks, rng, found)
            finally:
                process.kill()
    return found


def one_round(scene: Scene, checks: list[str], rng: random.Random, found: dict[str, list[tuple[float, float]]]) -> None:
    scene.looked.clear()
    scene.wait_until_all_were_looked_at(len(checks))
    ahead_s = time.time() - time.monotonic()
    break_one_by_one(scene, rng.sample(checks, len(checks)), rng)
    if not scene.wait(len(checks), "trigger"):
        raise SystemExit(f"only {len(scene.told)} of {len(checks)} outages were told")
    for name, broken_at in scene.broken.items():
        check = Check.model_validate({"id": name, "kind": "http", "interval": f"{INTERVAL_S:g}s", "timeout": "1s"})
        plan = plan_for(check, 0, 1, ahead_s)
        found[name].append((scene.told[name, "trigger"] - broken_at, fixed_s(plan, broken_at, run_time_s(name))))


def heal(scene: Scene, count: int) -> None:
    """All is well again, and that was told."""
    scene.broken.clear()
    scene.wait(count, "resolve")
    scene.told.clear()


def break_one_by_one(scene: Scene, checks: list[str], rng: random.Random) -> None:
    for name in checks:
        time.sleep(rng.uniform(0.0, 2.0 / A_SECOND))
        scene.broken[name] = time.monotonic()


def show(found: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, float]]:
    table = Table(title=f"from outage to notice, interval {INTERVAL_S:g} s, down after {DOWN_AFTER}")
    heads = ("run time", "outages", "median", "worst", "bound", "fixed interval: median", "worst")
    for head in heads:
        table.add_column(head, justify="right")
    figures = {}
    for which, run_s in enumerate(RUN_TIMES_S):
        pairs = [pair for name, some in found.items() if name[1] == str(which) for pair in some]
        ours, fixed = ([pair[side] for pair in pairs] for side in (0, 1))
        row = (statistics.median(ours), max(ours), bound_s(run_s), statistics.median(fixed), max(fixed))
        table.add_row(f"{run_s:g} s", str(len(pairs)), *(f"{value:.2f} s" for value in row))
        keys = ("median_s", "worst_s", "bound_s", "fixed_median_s", "fixed_worst_s")
        figures[f"{run_s:g}"] = {key: round(value, 2) for key, value in zip(keys, row, strict=True)}
    Console(width=110).print(table)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--seed", type=int, default=2026)
    asked = parser.parse_args()
    per_time, rounds = (15, 1) if asked.quick else (60, 3)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(per_time, rounds, random.Random(asked.seed), Path(folder))
    by_time = show(found)
    holds = all(one["worst_s"] <= one["bound_s"] for one in by_time.values())
    figures = {
        "interval_s": INTERVAL_S,
        "down_after": DOWN_AFTER,
        "outages": 3 * per_time * rounds,
        "by_run_time_s": by_time,
    }
    return conclude("detection", figures, BAR, holds)


if __name__ == "__main__":
    sys.exit(main())
