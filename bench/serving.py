"""``prober serve`` for a bench, writing down every result: run with the configuration and the file to write.

The truth comes from the target: how late a first byte was is the reported ``processing`` less the time that the target
says it held the request. How late a run began is worked out from its check's slots.
"""

from __future__ import annotations

import math
import os
import sys
from array import array
from dataclasses import dataclass, fields
from pathlib import Path

from prober.app.serve import ServeOptions, Started, serve
from prober.model import Result, Verdict
from prober.schedule import plan_for

NONE = float("nan")


@dataclass(frozen=True, slots=True)
class Run:
    """One run as a bench looks at it; times in seconds, ``lag_s`` NaN for the first run of a check."""

    check: float
    """Its number among the checks, in the order of their first runs."""
    at: float
    took_s: float
    lag_s: float
    held_s: float
    """NaN where it was not up, or no http check."""
    error_s: float
    """How much later than it was sent the first byte was reported."""
    gap_s: float
    """By how much the phases do not add up to the total."""
    journey: float
    """1 for a journey that a browser was found for, whatever came of it, otherwise 0."""

    @property
    def told(self) -> bool:
        """Whether there is a truth to compare with."""
        return not math.isnan(self.held_s)

    def overlaps(self, began: float, ended: float) -> bool:
        """Whether it was under way at some time between these two."""
        return self.at <= ended and began <= self.at + self.took_s


class Recorder:
    """Takes results into one flat array, which costs the process they are measured in next to nothing."""

    def __init__(self) -> None:
        self._runs = array("d")
        self._seen: dict[str, tuple[int, float]] = {}

    def take(self, result: Result) -> None:
        phases, up = result.observation.phases, result.verdict is Verdict.UP
        held_s = error_s = gap_s = NONE
        journey = 0.0
        if result.check.kind == "browser":
            journey = float(result.verdict is not Verdict.UNKNOWN)
        elif up:
            held_s = int(next(value for name, value in result.observation.headers if name == "server-held-ns")) / 1e9
            error_s = phases["processing"] - held_s
            gap_s = sum(value for name, value in phases.items() if name != "total") - result.duration_s
        number, lag_s = self._place(result)
        self._runs.extend((number, result.started_at, result.duration_s, lag_s, held_s, error_s, gap_s, journey))

    def write(self, path: Path) -> None:
        with path.open("wb") as file:
            self._runs.tofile(file)

    def _place(self, result: Result) -> tuple[int, float]:
        """Which check it is of, and how late it began after its slot."""
        check = result.check
        if check.id not in self._seen:  # the first run is off the grid
            self._seen[check.id] = len(self._seen), plan_for(check, 0, 1, 0.0).phase_s
            return self._seen[check.id][0], NONE
        number, phase_s = self._seen[check.id]
        past = (result.started_at - phase_s) % check.interval
        return number, past if past < check.interval * 0.9 else past - check.interval


_WIDTH = len(fields(Run))


def read(path: Path) -> list[Run]:
    """What was written down, in order of the results."""
    values = array("d")
    values.frombytes(path.read_bytes())
    return [Run(*values[start : start + _WIDTH]) for start in range(0, len(values), _WIDTH)]


def announce(started: Started) -> None:
    print(started.url, flush=True)


def main() -> None:
    recorder = Recorder()
    options = ServeOptions(environ=os.environ, listen="127.0.0.1:0", on_started=announce, on_result=recorder.take)
    try:
        serve(Path(sys.argv[1]), options)
    finally:
        recorder.write(Path(sys.argv[2]))


if __name__ == "__main__":
    main()
