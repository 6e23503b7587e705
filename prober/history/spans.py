"""Stretches of one state, laid over each other. Pure; what comes out is always the whole time, without a gap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from prober.history.words import Span, Stretch
from prober.model import Transition, Verdict
from prober.store.coverage import Interval, merged

Line = list[tuple[float, float, Stretch | None]]
"""From, until, and what was then; None where that is not said."""

SETTLED: Mapping[Verdict, Stretch | None] = {
    Verdict.UP: Stretch.UP,
    Verdict.DEGRADED: Stretch.DEGRADED,
    Verdict.DOWN: Stretch.DOWN,
    Verdict.UNKNOWN: None,
}
_BLIND = (Stretch.NO_DATA, Stretch.UNKNOWN, None)


def settled(transitions: Sequence[Transition], current: Stretch | None, since: float, until: float) -> Line:
    """What was settled, by the transitions in order; ``current`` throughout where there were none.

    A transition tells since when it is so, which is earlier than when that was found. What was settled as unknown is
    said to be nothing; so is what was before the first one, where that is not known.
    """
    states = [SETTLED[transitions[0].before] if transitions else current]
    cuts: list[float] = []
    for transition in transitions:
        cuts.append(max(transition.since, cuts[-1] if cuts else since))
        states.append(SETTLED[transition.after])
    edges = [since, *(min(cut, until) for cut in cuts), until]
    return [(a, b, state) for a, b, state in zip(edges, edges[1:], states, strict=False) if a < b]


def painted(line: Line, stretches: Iterable[Interval], state: Stretch) -> Line:
    """``line`` with ``state`` laid over these stretches of it."""
    over = merged(stretches)
    found: Line = []
    for start, end, was in line:
        at = start
        for a, b in over:
            if b <= at or a >= end:
                continue
            if a > at:
                found.append((at, a, was))
            found.append((max(a, at), min(b, end), state))
            at = min(b, end)
        if at < end:
            found.append((at, end, was))
    return found


def pieces(one: Line, other: Line) -> Iterator[tuple[float, float, Stretch | None, Stretch | None]]:
    """Two lines over the same time, cut at the edges of both."""
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            yield start, end, one[i][2], other[j][2]
        if one[i][1] <= end:
            i += 1
        if other[j][1] <= end:
            j += 1


def either(one: Line, other: Line) -> Line:
    """What either of two regions saw; what the second did where both did."""
    return [(start, end, _better(a, b)) for start, end, a, b in pieces(one, other)]


def _better(one: Stretch | None, other: Stretch | None) -> Stretch | None:
    if other not in _BLIND:
        return other
    if one not in _BLIND:
        return one
    return Stretch.UNKNOWN if Stretch.UNKNOWN in (one, other) else Stretch.NO_DATA


def decided(seen: Line, together: Line, began: float) -> Line:
    """What regions decided together, where any of them saw anything; what they saw before they ``began`` to decide."""
    return [
        (start, end, a if start < began or a in _BLIND else b or Stretch.NO_DATA)
        for start, end, a, b in pieces(seen, together)
    ]


def spans(line: Line) -> tuple[Span, ...]:
    """The line as it is told: neighbours in the same state are one, and what is not said is no data."""
    found: list[Span] = []
    for start, end, state in line:
        told = state or Stretch.NO_DATA
        if found and found[-1].state is told:
            start = found.pop().start
        found.append(Span(told, start, end))
    return tuple(found)


def seconds(told: Iterable[Span], since: float, until: float) -> dict[Stretch, float]:
    """How long each state lasted between the two times."""
    found: dict[Stretch, float] = {}
    for span in told:
        lasted = min(span.end, until) - max(span.start, since)
        if lasted > 0:
            found[span.state] = found.get(span.state, 0.0) + lasted
    return found


def by_piece(told: Sequence[Span], edges: Sequence[float]) -> list[Mapping[Stretch, float]]:
    """The same for each of the stretches between ``edges``, which are in order."""
    found: list[Mapping[Stretch, float]] = []
    whole: dict[tuple[Stretch, float], Mapping[Stretch, float]] = {}  # most days are like others
    at = 0
    for start, end in pairwise(edges):
        while at < len(told) and told[at].end <= start:
            at += 1
        if at < len(told) and told[at].start <= start and told[at].end >= end:
            found.append(whole.setdefault((told[at].state, end - start), {told[at].state: end - start}))
            continue
        upto = at
        while upto < len(told) and told[upto].start < end:
            upto += 1
        found.append(seconds(told[at:upto], start, end))
    return found
