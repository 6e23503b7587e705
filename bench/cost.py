"""Processor time of one scheduled probe, everything included, beside blackbox_exporter's at the same pace.

Ours is ``prober serve`` as it ships: slots, engine, judgement, state, store and metrics, with as many checks at one
second as there are probes a second. The peer is asked over ``/probe`` at the same pace by wrk, whose cost is nobody's.
nginx counts the probes of both by the connections it took; the kernel counts the processor time of the processes.

    bench/cost.py                       # six minutes; every protocol judged
    bench/cost.py --only http           # one of them
    bench/cost.py --quick               # one short round of each, nothing judged
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from figures import tree_cpu_s
from loopback import config, fetch, shipped, until
from peers import Targets, blackbox, nginx, paced
from verdicts import Figure, conclude

STEADY = 0.95


@dataclass
class Load:
    """One protocol: its pace, the share of the peer's cost that is allowed, and what was measured."""

    kind: str
    per_second: int
    limit: float
    ours_us: list[float] = field(default_factory=list)
    peer_us: list[float] = field(default_factory=list)
    ours_pace: list[float] = field(default_factory=list)
    peer_pace: list[float] = field(default_factory=list)

    def figures(self) -> Iterator[Figure]:
        """What a probe costs, and that both sides kept the pace, without which costs do not compare."""
        theirs = statistics.median(self.peer_us)
        yield Figure(f"{self.kind}_us", statistics.median(self.ours_us), self.limit * theirs, theirs)
        least = STEADY * self.per_second
        yield Figure(f"{self.kind}_least_probes_per_s", min(self.ours_pace), least, min(self.peer_pace), least=True)


@dataclass(frozen=True)
class Stretch:
    """How long a side runs in, and is measured."""

    settle_s: float
    measure_s: float


LOADS = (("http", 1000, 0.30), ("https", 300, 0.78), ("tcp", 1000, 0.45))


def checks(load: Load, targets: Targets) -> list[str]:
    """As many as there are probes a second."""
    address = targets.address(load.kind)
    told = f'kind: tcp, address: "{address}"' if load.kind == "tcp" else f'kind: http, url: "{address}"'
    trust = f', tls: {{ca_file: "{targets.base}/cert.pem"}}' if load.kind == "https" else ""
    return [f"id: {load.kind}-{number}, {told}{trust}" for number in range(load.per_second)]


@contextmanager
def prober(load: Load, targets: Targets) -> Iterator[int]:
    """``prober serve`` over a fresh store; 99 of 100 checks must be up at the end."""
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        with shipped(place, config(place, [], "1s", checks(load, targets))) as (process, port):
            until(lambda: fetch(port, "/metrics"), "the prober answers")
            yield process.pid
            metrics = fetch(port, "/metrics").splitlines()
            up = sum(line.startswith(b"probe_success{") and line.endswith(b" 1") for line in metrics)
            if up < load.per_second * 0.99:
                raise SystemExit(f"{load.kind}: {up} of {load.per_second} checks are up, so nothing was measured")


@contextmanager
def peer(load: Load, targets: Targets, stretch: Stretch) -> Iterator[int]:
    """blackbox_exporter under load."""
    with blackbox(targets.base) as (pid, port):
        path = f"/probe?module={load.kind}&target={targets.address(load.kind)}"
        if b"probe_success 1" not in fetch(port, path):
            raise SystemExit(f"{load.kind}: blackbox_exporter does not get through: {path}")
        url = f"http://127.0.0.1:{port}{path}"
        with paced(targets.base, url, load.per_second, stretch.settle_s + stretch.measure_s + 5):
            yield pid


def cost(pid: int, targets: Targets, stretch: Stretch) -> tuple[float, float]:
    """Microseconds a probe, and probes a second, once ``pid`` runs steadily."""
    time.sleep(stretch.settle_s)
    seen, used, began = targets.accepted(), tree_cpu_s(pid), time.monotonic()
    time.sleep(stretch.measure_s)
    used, took_s = tree_cpu_s(pid) - used, time.monotonic() - began
    probes = targets.accepted() - seen - 1  # asking for the count is a connection too
    return used / probes * 1e6, probes / took_s


def measure(load: Load, targets: Targets, stretch: Stretch, rounds: int) -> None:
    """Both sides in turn; which one goes first alternates too."""
    for number in range(rounds):
        for ours in (True, False) if number % 2 == 0 else (False, True):
            side = prober(load, targets) if ours else peer(load, targets, stretch)
            with side as pid:
                us, pace = cost(pid, targets, stretch)
            (load.ours_us if ours else load.peer_us).append(us)
            (load.ours_pace if ours else load.peer_pace).append(pace)
            name = "prober" if ours else "blackbox_exporter"
            print(f"{load.kind} {name}: {us:.0f} us a probe at {pace:.0f}/s", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[kind for kind, _, _ in LOADS])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round, nothing judged")
    options = parser.parse_args()
    stretch = Stretch(0.8, 2.0) if options.quick else Stretch(3.0, 6.0)
    loads = [Load(*values) for values in LOADS if options.only in (None, values[0])]
    with tempfile.TemporaryDirectory() as base, nginx(Path(base)) as targets:
        for load in loads:
            measure(load, targets, stretch, 1 if options.quick else options.rounds)
    figures = [figure for load in loads for figure in load.figures()]
    return conclude("cost", "blackbox_exporter", figures, quick=options.quick)


if __name__ == "__main__":
    sys.exit(main())
