"""How what one process takes grows with its checks, from 1,000 to 30,000 every 30 s; drawn to docs/growth.svg."""

from __future__ import annotations

import sys
from pathlib import Path

from chart import Panel, chart
from scale import SETTLED_S, Taken, measured
from verdicts import Figure, conclude, machine, quantile, quick_wanted

SIZES, QUICK_SIZES = (1_000, 3_000, 10_000, 30_000), (100, 200, 400)
INTERVAL_S = 30.0
WATCHED_S = 25.0
BEND = 1.25
PAGE = Path(__file__).parent.parent / "docs" / "growth.svg"


def bend(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> float:
    """The last value, in what a straight line through the other two points would have it be."""
    slope = (middle[1] - first[1]) / (middle[0] - first[0])
    return last[1] / (first[1] + slope * (last[0] - first[0]))


def lag_p99_ms(taken: Taken) -> float | None:
    """None where nothing but first runs was seen, which have no slot to be late for."""
    lag_s = quantile(taken.lags_s, 0.99)
    return None if lag_s is None else 1000 * lag_s


def panels(found: dict[int, Taken]) -> list[Panel]:
    lags = [(size, lag) for size, taken in found.items() if (lag := lag_p99_ms(taken)) is not None]
    return [
        Panel("CPU, % of a core", [(size, taken.cpu_percent) for size, taken in found.items()]),
        Panel("Memory, MB", [(size, taken.rss_mb) for size, taken in found.items()]),
        *([Panel("Lag behind the slot, p99, ms", lags)] if lags else []),
    ]


def main() -> int:
    quick = quick_wanted(__doc__)
    sizes, settle_s, watch_s = (QUICK_SIZES, 0.5, 2.0) if quick else (SIZES, SETTLED_S, WATCHED_S)
    found = {size: measured(size, 1.0 if quick else INTERVAL_S, settle_s, watch_s) for size in sizes}
    drawn = panels(found)
    picture = chart(f"One prober process, every check each {INTERVAL_S:g} s, on {machine()}", "checks", drawn)
    if not quick:
        PAGE.write_text(picture)
    figures = [
        figure
        for size, taken in found.items()
        for figure in (
            Figure(f"cpu_percent_at_{size}", taken.cpu_percent),
            Figure(f"rss_mb_at_{size}", taken.rss_mb),
            Figure(f"lag_p99_ms_at_{size}", lag_p99_ms(taken)),
            Figure(f"missed_slots_at_{size}", taken.missed, 0),
        )
    ]
    for name, panel in zip(("cpu", "rss"), drawn, strict=False):
        first, *_, middle, last = panel.points
        figures.append(Figure(f"{name}_in_a_straight_line", bend(first, middle, last), BEND))
    return conclude("growth", "", figures, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
