"""How exact our vitals are: the fixture pages of ``tests/site`` with Google's web-vitals beside our collector.

Prints a table, then one JSON line. ``--quick`` takes under 50 s; without it, several rounds and two more pages.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fakes.browsing import browsing
from fakes.measuring import LIMITS, VITALS, Compared, measure, measured_site

DEVICES = ("", "Pixel 7")
ROUNDS = 5


def main() -> int:
    """Exit code 0 where every value holds, 1 where one does not, 2 where there is nothing to compare with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, under 50 s")
    quick = parser.parse_args().quick
    try:
        compared = visit(1 if quick else ROUNDS, long=not quick)
    except FileNotFoundError as error:
        print(f"bench/vitals.py: {error}", file=sys.stderr)
        print(json.dumps({"bench": "vitals", "error": str(error), "bar": bar(), "holds": False}))
        return 2
    Console(width=150).print(table(compared))
    for wrong in (row for row in compared if not row.holds):
        print(f"WRONG: {wrong}")
    print(json.dumps(summary(compared)))
    return 0 if all(row.holds for row in compared) else 1


def visit(rounds: int, *, long: bool) -> list[Compared]:
    """Every page on every device, ``rounds`` times."""
    with (
        tempfile.TemporaryDirectory() as home,
        measured_site() as (base, reports),
        browsing(Path(home), EVENTCHAIN_URL=base) as browser,
    ):
        return [row for device in DEVICES for row in measure(browser, reports, device, rounds, long=long)]


def table(compared: Sequence[Compared]) -> Table:
    """One line a page: our median, and the largest difference to web-vitals."""
    shown = Table(title="ours (median), largest difference to web-vitals; ms, CLS as a score")
    for heading in ("device", "page", *VITALS, "web-vitals through a driver loses"):
        shown.add_column(heading, justify="right" if heading in VITALS else "left")
    lines = defaultdict[tuple[str, str], list[Compared]](list)
    for row in compared:
        lines[row.device, f"{row.page} {'(route)' if row.kind == 'soft' else ''}"].append(row)
    for (device, page), rows in lines.items():
        by_vital = {vital: [row for row in rows if row.vital == vital] for vital in VITALS}
        lost = [f"{vital} {_lost(own)}/{len(own)}" for vital, own in by_vital.items() if _lost(own)]
        shown.add_row(device, page, *map(_cell, by_vital.values()), ", ".join(lost))
    return shown


def summary(compared: Sequence[Compared]) -> dict[str, object]:
    """The figures that are judged, and what web-vitals would have lost."""
    worst = {vital: max(_differences(row for row in compared if row.vital == vital)) for vital in VITALS}
    return {
        "bench": "vitals",
        "navigations": len(compared) // len(VITALS),
        "values": sum(row.ours is not None for row in compared),
        "compared_with_web_vitals": sum(row.theirs is not None and row.ours is not None for row in compared),
        "compared_with_chromium": sum(row.chromium is not None and row.ours is not None for row in compared),
        "web_vitals_lost_through_driver": _lost(compared),
        "web_vitals_wrong_under_emulation": sum(row.trapped for row in compared),
        "left_before_first_paint": sum(row.left_first and row.vital == "FCP" for row in compared),
        "worst_difference": {vital: round(value, 6) for vital, value in worst.items()},
        "bar": bar(),
        "holds": all(row.holds for row in compared),
    }


def bar() -> dict[str, float]:
    return dict(LIMITS)


def _lost(rows: Iterable[Compared]) -> int:
    return sum(row.ours is not None and not row.through_driver for row in rows)


def _differences(rows: Iterable[Compared]) -> list[float]:
    return [row.difference for row in rows if row.difference is not None] or [0.0]


def _cell(rows: Sequence[Compared]) -> str:
    values = [row.ours for row in rows if row.ours is not None]
    if not values:
        return "–"
    digits = 4 if rows[0].vital == "CLS" else 1
    trapped = "*" if any(row.trapped for row in rows) else ""
    return f"{statistics.median(values):.{digits}f} ±{max(_differences(rows)):.{digits}f}{trapped}"


if __name__ == "__main__":
    sys.exit(main())
