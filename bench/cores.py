"""What one engine process and two carry at most, with the target on the same cores, as the target counts it.

Offered far more than it carries, a prober is busy with the slots it misses; so each side is offered more and more
until it falls behind, and its rounds are run at that load and the one before, of which the better counts.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import tree_cpu_s
from loopback import Target, config, fetch, shipped, target, until
from verdicts import Figure, conclude, quick_wanted

GAIN = 1.4
"""So many times the throughput of one process two must have; said as the time of a probe, which a limit can bound."""
LOADS = (800, 1_000, 1_250, 1_560, 1_950, 2_440, 3_050, 3_810, 4_770, 5_960)
"""Checks that are due every second."""
CARRIED, TRIES = 0.97, 2  # who falls behind once does not always catch up, and others may have been the cause
ROUNDS, SETTLED_S, WATCHED_S = 5, 4.0, 8.0
QUICK_SETTLED_S, QUICK_WATCHED_S = 3.0, 3.0
BEGUN = 200
"""Answers after which the prober counts as running."""
SIDES = (1, 2)


@contextmanager
def serving(place: Path, shop: Target, processes: int, load: int) -> Iterator[int]:
    """``prober serve`` over that many engine processes, from when it probes on: its pid."""
    path = config(place, [shop.url()] * load, "1s", sections=[f"engine: {{processes: {processes}}}"])
    before = shop.count()
    with shipped(place, path) as (process, port):
        until(lambda: fetch(port, "/healthz") != b"", "the prober answers")
        until(lambda: shop.count() - before > BEGUN, "the target is asked")
        yield process.pid


def measured(shop: Target, processes: int, load: int, settle_s: float, watch_s: float) -> tuple[float, float]:
    """Answers a second, and processor time of the prober for each in microseconds."""
    with tempfile.TemporaryDirectory() as home, serving(Path(home), shop, processes, load) as pid:
        time.sleep(settle_s)
        began, count, cpu_s = time.monotonic(), shop.count(), tree_cpu_s(pid)
        time.sleep(watch_s)
        took_s, answered, spent_s = time.monotonic() - began, shop.count() - count, tree_cpu_s(pid) - cpu_s
    print(f"processes: {processes}, due {load}/s, answered {answered / took_s:.0f}/s", file=sys.stderr)
    return answered / took_s, spent_s / max(1, answered) * 1e6


def loads_for(shop: Target, processes: int) -> tuple[int, ...]:
    """The last load that is carried and the first that is not."""
    carried = LOADS[0]
    for load in LOADS:
        tries = (measured(shop, processes, load, SETTLED_S, WATCHED_S / 2)[0] for _ in range(TRIES))
        if all(rate < CARRIED * load for rate in tries):
            return carried, load
        carried = load
    return (carried,)


def main() -> int:
    quick = quick_wanted(__doc__)
    settle_s, watch_s = (QUICK_SETTLED_S, QUICK_WATCHED_S) if quick else (SETTLED_S, WATCHED_S)
    taken: dict[int, list[tuple[float, float]]] = {side: [] for side in SIDES}
    with target() as shop:
        loads = {side: LOADS[:1] if quick else loads_for(shop, side) for side in SIDES}
        for number in range(1 if quick else ROUNDS):
            for side in SIDES if number % 2 == 0 else reversed(SIDES):
                taken[side].append(max(measured(shop, side, load, settle_s, watch_s) for load in loads[side]))
    (one, one_us), (two, two_us) = (map(statistics.median, zip(*taken[side], strict=True)) for side in SIDES)
    figures = [
        Figure("probe_us", 1e6 / two, 1e6 / one / GAIN, 1e6 / one),
        Figure("probes_per_s", two, None, one),
        Figure("cpu_us_per_probe", two_us, None, one_us),
    ]
    return conclude("cores", "one process", figures, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
