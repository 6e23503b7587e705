"""Since when and until when somebody looked, and when nobody did in between. Pure; what comes late fills its gap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

Interval = tuple[float, float]
"""From, until."""


@dataclass(slots=True)
class Coverage:
    """The time that is covered: from ``since`` until ``until``, without the ``gaps``, which are in order."""

    since: float
    until: float
    gaps: list[Interval] = field(default_factory=list)

    def cover(self, start: float, end: float) -> None:
        """Somebody looked then. In whatever order this is told, the outcome is the same."""
        if start > self.until:
            self.gaps.append((self.until, start))
        elif end < self.since:
            self.gaps.insert(0, (end, self.since))
        if self.gaps and start < self.gaps[-1][1]:
            self.gaps = subtracted(self.gaps, start, end)
        self.since, self.until = min(self.since, start), max(self.until, end)

    def missing(self, since: float, until: float) -> list[Interval]:
        """When nobody looked, of the time from ``since`` until ``until``."""
        lacking = [(since, self.since), *self.gaps, (self.until, until)]
        return [(max(a, since), min(b, until)) for a, b in lacking if max(a, since) < min(b, until)]


def subtracted(intervals: Iterable[Interval], start: float, end: float) -> list[Interval]:
    """``intervals`` without the time from ``start`` until ``end``."""
    left = [part for a, b in intervals for part in ((a, min(b, start)), (max(a, end), b))]
    return [(a, b) for a, b in left if a < b]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time in order, as few intervals as hold it."""
    whole: list[Interval] = []
    for start, end in sorted(intervals):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        elif start < end:
            whole.append((start, end))
    return whole


def common(one: Iterable[Interval], other: Iterable[Interval]) -> list[Interval]:
    """The time that is in both, of which either is in order."""
    first, second, found = list(one), list(other), []
    i = j = 0
    while i < len(first) and j < len(second):
        start, end = max(first[i][0], second[j][0]), min(first[i][1], second[j][1])
        if start < end:
            found.append((start, end))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return found
