"""How many http probes a second one prober process carries on this machine, beside blackbox_exporter.

Ours is ``prober serve`` with ever more checks at one second, far beyond what it can carry: the load under which it gets
through most counts, as long as its runs are up. The peer is asked over ``/probe`` by wrk, over connections that ask
again as soon as they are answered. Both have all cores; nginx counts the probes by the connections it took.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from loopback import config, fetch, shipped, until
from peers import Targets, blackbox, nginx, unpaced
from verdicts import Figure, conclude, quick_wanted

FACTOR = 2.0
LOADS, QUICK_LOADS = (1_000, 1_500, 2_250, 3_400, 5_000), (100, 200)
UP_LEAST = 0.99
CONNECTIONS = 50
_RUNS = re.compile(rb'^prober_check_runs_total\{[^}]*verdict="(\w+)"[^}]*\} (\d+)', re.MULTILINE)


def pace(targets: Targets, measure_s: float) -> float:
    """Probes a second that nginx is asked for now."""
    seen, began = targets.accepted(), time.monotonic()
    time.sleep(measure_s)
    return (targets.accepted() - seen - 1) / (time.monotonic() - began)


@dataclass(frozen=True)
class Stretch:
    """How long a side runs in, and is measured."""

    settle_s: float
    measure_s: float


def ours(targets: Targets, offered: int, stretch: Stretch) -> tuple[float, float]:
    """Probes a second where so many are due, and the share of runs that were up."""
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        path = config(place, [targets.address("http")] * offered, "1s")
        with shipped(place, path) as (_, port):
            until(lambda: fetch(port, "/healthz"), "the prober answers")
            time.sleep(stretch.settle_s)
            found = pace(targets, stretch.measure_s)
            up = share_up(fetch(port, "/metrics"))
    print(f"prober: {found:.0f} probes/s of {offered}, {up:.1%} up", file=sys.stderr)
    return found, up


def share_up(metrics: bytes) -> float:
    """Of all runs: those that fail may cost less, or be counted by nginx though nobody read the answer."""
    counts = [(verdict, int(count)) for verdict, count in _RUNS.findall(metrics)]
    runs = sum(count for _, count in counts)
    return sum(count for verdict, count in counts if verdict == b"up") / runs if runs else 0.0


def most(paces: dict[int, tuple[float, float]]) -> int:
    """The load under which most probes a second were made, of those under which they were up."""
    return max(paces, key=lambda offered: (paces[offered][1] >= UP_LEAST, paces[offered][0]))


def theirs(targets: Targets, stretch: Stretch) -> float:
    with blackbox(targets.base) as (_, port):
        path = f"/probe?module=http&target={targets.address('http')}"
        if b"probe_success 1" not in fetch(port, path):
            raise SystemExit(f"blackbox_exporter does not get through: {path}")
        url = f"http://127.0.0.1:{port}{path}"
        with unpaced(targets.base, url, CONNECTIONS, stretch.settle_s + stretch.measure_s + 5):
            time.sleep(stretch.settle_s)
            found = pace(targets, stretch.measure_s)
    print(f"blackbox_exporter: {found:.0f} probes/s", file=sys.stderr)
    return found


def main() -> int:
    quick = quick_wanted(__doc__)
    stretch = Stretch(1.0, 2.0) if quick else Stretch(6.0, 5.0)
    mine, ups, peers = [], [], []
    with tempfile.TemporaryDirectory() as base, nginx(Path(base)) as targets:
        paces = {offered: ours(targets, offered, stretch) for offered in (QUICK_LOADS if quick else LOADS)}
        for _ in range(1 if quick else 5):
            found, up = ours(targets, most(paces), stretch)
            mine.append(found)
            ups.append(up)
            peers.append(theirs(targets, stretch))
    peer = statistics.median(peers)
    figures = [
        Figure("http_probes_per_s", statistics.median(mine), FACTOR * peer, peer, least=True),
        Figure("http_least_share_up", min(ups), UP_LEAST, least=True),
        *(Figure(f"http_probes_per_s_of_{offered}", pace_then) for offered, (pace_then, _) in paces.items()),
    ]
    return conclude("throughput", "blackbox_exporter", figures, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
