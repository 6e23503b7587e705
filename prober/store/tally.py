"""What runs of a while come to, in little room: counts, the latency's sketch, sums per phase. Merging loses nothing.

Packed, a tally is a list of whole numbers, and those of an hour are one compressed piece of JSON: no smaller than a
format of one's own would be by much, and read ten times as fast as Python could read that.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import orjson

from prober.model import Verdict
from prober.store.rows import TICK_S
from prober.store.sketch import bin_of

SLOT_S, HOUR_S, DAY_S = 300, 3_600, 86_400
SLOTS = HOUR_S // SLOT_S
_FORMAT = 1
_ORDER = ("resolve", "connect", "tls", "setup", "rtt", "request", "processing", "transfer")
"""Phases as they follow each other; those of other names come after them, and ``total`` in the end."""
_GOOD = (Verdict.UP, Verdict.DEGRADED)


@dataclass(slots=True)
class Tally:
    """Counts of runs, and how long the good ones took."""

    runs: int = 0
    """Those that say something of the target: neither unknown nor in maintenance."""
    good: int = 0
    planned: int = 0
    """Those in maintenance, which say nothing either."""
    planned_good: int = 0
    unknown: int = 0
    bins: dict[int, int] = field(default_factory=dict)
    """How many good runs, in maintenance too, took about as long: see ``sketch``."""
    phases: dict[str, list[int]] = field(default_factory=dict)
    """By phase: how many good runs had it, and how long it took them together, in ``TICK_S``."""

    def count(self, verdict: str, planned: bool, number: int = 1) -> None:
        """Count ``number`` runs of one verdict."""
        if verdict == Verdict.UNKNOWN:
            self.unknown += number
        elif planned:
            self.planned += number
            self.planned_good += number * (verdict in _GOOD)
        else:
            self.runs += number
            self.good += number * (verdict in _GOOD)

    def took(self, seconds: float, phases: Mapping[str, float | None] | None = None) -> None:
        """Note how long a good run took."""
        key = bin_of(seconds)
        self.bins[key] = self.bins.get(key, 0) + 1
        for name, lasted_s in (phases or {}).items():
            if lasted_s is None:
                continue
            known = self.phases.setdefault(name, [0, 0])
            known[0] += 1
            known[1] += round(lasted_s / TICK_S)

    def add_brief(self, counts: Sequence[int], bins: Iterable[tuple[int, int]]) -> None:
        """Count what ``unpack_brief`` gave."""
        runs, good, planned, planned_good, unknown = counts
        self.runs += runs
        self.good += good
        self.planned += planned
        self.planned_good += planned_good
        self.unknown += unknown
        mine = self.bins
        for key, number in bins:
            mine[key] = mine.get(key, 0) + number

    def means(self) -> dict[str, float]:
        """How long each phase took, on average, in the order they come in a run."""
        names = sorted(self.phases, key=_place)
        return {name: self.phases[name][1] * TICK_S / self.phases[name][0] for name in names}

    def add(self, other: Tally) -> None:
        """Count what ``other`` has counted too."""
        self.runs += other.runs
        self.good += other.good
        self.planned += other.planned
        self.planned_good += other.planned_good
        self.unknown += other.unknown
        bins = self.bins
        for key, number in other.bins.items():
            bins[key] = bins.get(key, 0) + number
        for name, (number, ticks) in other.phases.items():
            known = self.phases.setdefault(name, [0, 0])
            known[0] += number
            known[1] += ticks


def _place(phase: str) -> tuple[int, str]:
    return (len(_ORDER) + (phase == "total") if phase not in _ORDER else _ORDER.index(phase), phase)


def pack(tallies: Mapping[int, Tally]) -> bytes:
    """Tallies by a whole number, such as the slot within the hour."""
    names = list(dict.fromkeys(name for tally in tallies.values() for name in tally.phases))
    packed = [_packed(slot, tally, names) for slot, tally in sorted(tallies.items())]
    return zlib.compress(orjson.dumps([_FORMAT, names, packed]), 6, -15)


def unpack(payload: bytes) -> dict[int, Tally]:
    """What ``pack`` was given."""
    _, names, packed = orjson.loads(zlib.decompress(payload, -15))
    return {slot: _unpacked(rest, names) for slot, *rest in packed}


def unpack_brief(payload: bytes, first: int, last: int) -> Iterator[tuple[int, list[int], Iterable[tuple[int, int]]]]:
    """Of the slots from ``first`` to ``last``: the slot, its five counts as ``Tally`` has them, and its bins.

    The same as ``unpack`` without phases, in a third of the time: the overview needs thousands at once.
    """
    for slot, *counts, bins, _ in orjson.loads(zlib.decompress(payload, -15))[2]:
        if first <= slot <= last:
            yield slot, counts, zip(accumulate(bins[::2]), bins[1::2], strict=True)


def _packed(slot: int, tally: Tally, names: list[str]) -> list[Any]:
    keys = sorted(tally.bins)
    steps = [after - before for before, after in pairwise((0, *keys))]
    bins = [figure for step, key in zip(steps, keys, strict=True) for figure in (step, tally.bins[key])]
    phases = [figure for name in names for figure in tally.phases.get(name, (0, 0))]
    return [slot, tally.runs, tally.good, tally.planned, tally.planned_good, tally.unknown, bins, phases]


def _unpacked(packed: list[Any], names: list[str]) -> Tally:
    runs, good, planned, planned_good, unknown, bins, phases = packed
    found = {name: phases[at : at + 2] for at, name in zip(range(0, len(phases), 2), names, strict=True) if phases[at]}
    return Tally(
        runs, good, planned, planned_good, unknown, dict(zip(accumulate(bins[::2]), bins[1::2], strict=True)), found
    )


def together(tallies: Iterable[Tally]) -> Tally:
    """One tally of them all."""
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole
