"""How soon the prober is there: its commands by the clock, and serve with 10,000 checks until its first probe.

Beside each a bare ``python -c pass``, the floor that no Python program is below.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loopback import BIN, ROOT, Target, config, fetch, started, target, until
from verdicts import Figure, conclude, quick_wanted

HELP_S, VALIDATE_S, RUN_S, PROBING_S = 0.25, 0.5, 0.6, 3.0
CHECKS, QUICK_CHECKS = 10_000, 500
PROBER = BIN / "prober"


def wall_s(*command: str | Path) -> float:
    began = time.monotonic()
    subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL, check=True, cwd=ROOT)
    return time.monotonic() - began


@contextmanager
def installed() -> Iterator[None]:
    """As where it is installed: with bytecode, whatever this shell says, and none of it left behind here."""
    with tempfile.TemporaryDirectory() as place:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = place
        yield


def probing_s(checks: int) -> float:
    """From the start of serve until the target is asked for the first time."""
    with target() as shop, tempfile.TemporaryDirectory() as home:
        place = Path(home)
        path = config(place, [shop.url()] * checks, "10s")
        began = time.monotonic()
        with started(PROBER, "serve", "--config", path, "--listen", "127.0.0.1:0", cwd=place):
            until(lambda: shop.count() > 0, "the target is asked", every_s=0.005)
            return time.monotonic() - began


def alternating(commands: dict[str, Sequence[str | Path]], rounds: int) -> dict[str, float]:
    """The median wall time of each command; in turns, so that all of them meet the same machine."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        wall_s(*command)  # the first start reads files that later ones find in memory
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(wall_s(*command))
    return {name: statistics.median(values) for name, values in taken.items()}


def commands_for(shop: Target) -> dict[str, Sequence[str | Path]]:
    return {
        "floor": (sys.executable, "-c", "pass"),
        "help": (PROBER, "--help"),
        "validate": (PROBER, "validate", "probes.yaml"),
        "run": (PROBER, "run", shop.url()),
    }


def main() -> int:
    quick = quick_wanted(__doc__)
    with installed(), target() as shop:
        assert fetch(shop.port, "/0/0")
        walls = alternating(commands_for(shop), 1 if quick else 9)
        serves = [probing_s(QUICK_CHECKS if quick else CHECKS) for _ in range(2 if quick else 6)]
    serve_s = statistics.median(serves[1:])  # the first has bytecode to write
    floor = walls["floor"]
    figures = [
        Figure("help_s", walls["help"], HELP_S, floor),
        Figure("validate_s", walls["validate"], VALIDATE_S, floor),
        Figure("run_s", walls["run"], RUN_S, floor),
        Figure("serve_probing_s", serve_s, PROBING_S, floor),
    ]
    return conclude("start", "python -c pass", figures, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
