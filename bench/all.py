"""Runs every bench and writes what they say into the table of docs/performance.md; --quick only sees that they work."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from verdicts import machine

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
BENCHES = ("start", "cost", "throughput", "truth", "scrape", "memory", "scale", "growth", "cores", "web", "history")
"""Of these, those that are here."""
BUSY = 0.5
_SAID = {None: "not judged", True: "holds", False: "DOES NOT HOLD"}


def run(name: str, *, quick: bool) -> dict[str, Any] | None:
    """The closing line of a bench; None where it broke."""
    command = [sys.executable, str(HERE / f"{name}.py"), *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    lines = done.stdout.strip().splitlines()
    try:
        line: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        print(f"{name} broke off with exit code {done.returncode}", file=sys.stderr)
        return None
    return line


def table(lines: list[dict[str, Any]], load: float) -> str:
    """The figures as Markdown, one row each; ``load`` is what else the machine was busy with when they were begun."""
    rows = [
        "| bench | figure | ours | peer | ratio | limit | holds |",
        "|---|---|--:|--:|--:|--:|---|",
        *(row for line in lines for row in _rows(line)),
    ]
    peers = [f"{line['bench']}: {line['against']}" for line in lines if line.get("against")]
    return "\n".join([f"Taken on {machine()}, load average {load:.1f} before. Peers: {'; '.join(peers)}.", "", *rows])


def _rows(line: Mapping[str, Any]) -> Iterator[str]:
    ours = line.get("ours")
    if not isinstance(ours, dict):  # a bench with a single figure
        cells = [_cell(line.get(key)) for key in ("ours", "peer", "ratio", "limit")]
        yield _row(line["bench"], line.get("bar", ""), *cells, _word(line.get("holds")))
        return
    for name, value in ours.items():
        others = [(line.get(key) or {}).get(name) for key in ("peer", "ratio", "limit")]
        yield _row(line["bench"], name, _cell(value), *map(_cell, others), _word((line.get("held") or {}).get(name)))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _word(holds: bool | None) -> str:
    return {None: "", True: "yes", False: "**no**"}[holds]


def write(page: Path, lines: list[dict[str, Any]], load: float) -> None:
    """Put the table between the marks of ``page``; what stands around it stays."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no place for the table: the lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{table(lines, load)}\n{END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs; the page stays as it is")
    parser.add_argument("--only", action="append", choices=BENCHES, help="only this one; may be repeated")
    asked = parser.parse_args()
    names = [name for name in asked.only or BENCHES if (HERE / f"{name}.py").is_file()]
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"the machine is busy (load average {load:.1f}): what is measured now says little", file=sys.stderr)
    lines = [run(name, quick=asked.quick) for name in names]
    whole = [line for line in lines if line is not None]
    if not asked.quick and not asked.only:
        write(PAGE, whole, load)
    for line in whole:
        print(f"{line['bench']}: {_SAID[line.get('holds')]}")
    return 1 if len(whole) < len(names) or any(line.get("holds") is False for line in whole) else 0


if __name__ == "__main__":
    sys.exit(main())
