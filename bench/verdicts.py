"""How a bench ends: a table for people, one line of JSON for ``bench/all.py``, and an exit code."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a bench; its unit stands in its name. Without a limit it only informs."""

    name: str
    ours: float | None
    limit: float | None = None
    peer: float | None = None
    least: bool = False
    """Whether the limit is the least it may be, not the most."""

    @property
    def holds(self) -> bool | None:
        """Whether it is within its limit; None where there is none."""
        if self.limit is None:
            return None
        if self.ours is None:
            return False
        return self.ours >= self.limit if self.least else self.ours <= self.limit

    @property
    def bar(self) -> str:
        return f"{self.name} {'>=' if self.least else '<='} {_short(self.limit)}"

    @property
    def ratio(self) -> float | None:
        """Ours in the peer's."""
        return self.ours / self.peer if self.ours is not None and self.peer else None


def quick_wanted(about: str | None) -> bool:
    """Whether ``--quick`` was said: a short run that shows that the bench works, and judges nothing."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="a short run that judges nothing by time")
    return bool(parser.parse_args().quick)


def conclude(bench: str, peer: str, figures: Sequence[Figure], *, quick: bool) -> int:
    """Print the table and the closing line; 1 where a figure is over its limit, but for a quick run."""
    Console(width=110).print(_table(bench, peer, figures))
    judged = [figure.holds for figure in figures if figure.holds is not None]
    holds = None if quick or not judged else all(judged)
    limited = [figure for figure in figures if figure.limit is not None]
    line = {
        "bench": bench,
        "ours": {figure.name: _short(figure.ours) for figure in figures},
        "peer": {figure.name: _short(figure.peer) for figure in figures if figure.peer is not None},
        "ratio": {figure.name: _short(figure.ratio) for figure in figures if figure.ratio is not None},
        "limit": {figure.name: _short(figure.limit) for figure in limited},
        "bar": "; ".join(figure.bar for figure in limited),
        "held": {figure.name: figure.holds for figure in limited},
        "against": peer,
        "holds": holds,
    }
    print(json.dumps(line))
    return 1 if holds is False else 0


def _table(bench: str, peer: str, figures: Sequence[Figure]) -> Table:
    table = Table(title=bench)
    for heading in ("", "ours", peer or "peer", "ratio", "limit", "holds"):
        table.add_column(heading, justify="left" if not heading else "right")
    for figure in figures:
        cells = (figure.ours, figure.peer, figure.ratio, figure.limit)
        table.add_row(figure.name, *map(_shown, cells), {None: "", True: "yes", False: "NO"}[figure.holds])
    return table


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def machine() -> str:
    """What figures were taken on, without naming whose it is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores of {model}, {memory_gib:.0f} GiB, "
        f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    )


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value that ``share`` of ``values`` do not exceed; None where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
