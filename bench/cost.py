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

from figures import conclude, tree_cpu_s
from peers import Targets, blackbox, free_ports, get, missing, nginx, paced, started, until_answered
from rich.console import Console
from rich.table import Table


@dataclass
class Load:
    """One protocol: its pace, the share of the peer's cost that is allowed, and what was measured."""

    kind: str
    per_second: int
    limit: float
    ours_us: list[float] = field(default_factory=list)
    peer_us: list[float] = field(default_factory=list)
    pace: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours_us) / statistics.median(self.peer_us)

    @property
    def steady(self) -> bool:
        """Whether both sides kept the pace; what a probe costs depends on it, so otherwise nothing is comparable."""
        return min(self.pace) >= 0.95 * self.per_second


@dataclass(frozen=True)
class Stretch:
    """How long a side runs in, and is measured."""

    settle_s: float
    measure_s: float


LOADS = (("http", 1000, 0.30), ("https", 300, 0.78), ("tcp", 1000, 0.45))


def checks(load: Load, targets: Targets) -> Iterator[str]:
    """The configuration, line by line."""
    yield "defaults: {interval: 1s, timeout: 1s}"
    yield "checks:"
    for number in range(load.per_second):
        address = targets.address(load.kind)
        if load.kind == "tcp":
            yield f'  - {{id: "tcp-{number}", kind: tcp, address: "{address}"}}'
        else:
            tls = f', tls: {{ca_file: "{targets.base}/cert.pem"}}' if load.kind == "https" else ""
            yield f'  - {{id: "{load.kind}-{number}", kind: http, url: "{address}"{tls}}}'


@contextmanager
def prober(load: Load, targets: Targets) -> Iterator[int]:
    """``prober serve`` over a fresh store; 99 of 100 checks must be up at the end."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as place:
        config = Path(place) / "probes.yaml"
        config.write_text("\n".join(checks(load, targets)))
        command = (sys.executable, "-m", "prober", "serve", "--config", config, "--listen", f"127.0.0.1:{port}")
        with started(*command) as process:
            until_answered(f"http://127.0.0.1:{port}/metrics")
            yield process.pid
            metrics = get(f"http://127.0.0.1:{port}/metrics").splitlines()
            up = sum(line.startswith("probe_success{") and line.endswith(" 1") for line in metrics)
            if up < load.per_second * 0.99:
                raise SystemExit(f"{load.kind}: {up} of {load.per_second} checks are up, so nothing was measured")


@contextmanager
def peer(load: Load, targets: Targets, stretch: Stretch) -> Iterator[int]:
    """blackbox_exporter under load."""
    with blackbox(targets.base) as (pid, port):
        url = f"http://127.0.0.1:{port}/probe?module={load.kind}&target={targets.address(load.kind)}"
        if "probe_success 1" not in get(url):
            raise SystemExit(f"{load.kind}: blackbox_exporter does not get through: {url}")
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


def measure(load: Load, targets: Targets, stretch: Stretch, rounds: int, console: Console) -> None:
    """Both sides in turn; which one goes first alternates too."""
    for number in range(rounds):
        for ours in (True, False) if number % 2 == 0 else (False, True):
            side = prober(load, targets) if ours else peer(load, targets, stretch)
            with side as pid:
                us, pace = cost(pid, targets, stretch)
            (load.ours_us if ours else load.peer_us).append(us)
            load.pace.append(pace)
            name = "prober" if ours else "blackbox_exporter"
            console.print(f"{load.kind} {name}: {us:.0f} us a probe at {pace:.0f}/s")


def table(loads: list[Load]) -> Table:
    """What was measured, for people."""
    shown = Table("protocol", "probes/s", "prober us", "blackbox_exporter us", "ratio", "limit")
    for load in loads:
        ours, theirs = statistics.median(load.ours_us), statistics.median(load.peer_us)
        pace = f"{min(load.pace):.0f}-{max(load.pace):.0f}"
        shown.add_row(load.kind, pace, f"{ours:.0f}", f"{theirs:.0f}", f"{load.ratio:.2f}", f"{load.limit:.2f}")
    return shown


def conclude_all(loads: list[Load], judged: bool) -> int:
    """A line for each protocol; whether one of the judged did not hold."""
    codes = []
    for load in loads:
        figures = {
            "protocol": load.kind,
            "ours": round(statistics.median(load.ours_us), 1),
            "peer": round(statistics.median(load.peer_us), 1),
            "ratio": round(load.ratio, 3),
            "limit": load.limit,
            "rounds": len(load.ours_us),
            "steady": load.steady,
        }
        holds = load.ratio <= load.limit if judged and load.steady else None
        codes.append(conclude("cost", figures, f"{load.kind}: at most {load.limit} of the peer's CPU", holds))
    return max(codes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[kind for kind, _, _ in LOADS])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round, nothing judged")
    options = parser.parse_args()
    if lacking := missing():
        raise SystemExit("missing; install\n  " + "\n  ".join(lacking))
    stretch = Stretch(0.8, 2.0) if options.quick else Stretch(3.0, 6.0)
    console = Console(stderr=True)
    loads = [Load(*values) for values in LOADS if options.only in (None, values[0])]
    with tempfile.TemporaryDirectory() as base, nginx(Path(base)) as targets:
        for load in loads:
            measure(load, targets, stretch, 1 if options.quick else options.rounds, console)
    console.print(table(loads))
    return conclude_all(loads, judged=not options.quick)


if __name__ == "__main__":
    sys.exit(main())
