"""Latency over a while, drawn on the server: phases stacked, quantiles over them, incidents, deploys, states below.

The plot is stretched to its place, the texts around it are not: the outer drawing has no scale of its own and its
parts stand at shares of its width, so that the same markup fits a phone and a wall.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prober.history import Bucket, Span, Stretch
from prober.web.pages.bars import LETTERS

WIDTH, HEIGHT = 1_000, 200
MOST_PHASES = 8
"""There are so many colours."""
MOST_TICKS = 7
STEPS_S = (3_600, 2 * 3_600, 4 * 3_600, 6 * 3_600, 12 * 3_600, *(days * 86_400 for days in (1, 2, 7, 14, 30)))

Line = Sequence[tuple[float, float, float]]
"""(start, end, value) of buckets that follow one another."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a moment, or over a while."""

    at: float
    """Percent of the width."""
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws. Paths are in a field of ``WIDTH`` by ``HEIGHT``."""

    phases: tuple[tuple[str, str], ...]
    """(name, path) from the ground up."""
    p50: str
    p95: str
    levels: tuple[tuple[float, float], ...]
    """(y, seconds) of the lines across."""
    moments: tuple[tuple[float, float], ...]
    """(percent, wall time) along the ground."""
    strip: tuple[tuple[str, float, float], ...]
    """(class, x, width) of the states."""
    incidents: tuple[Mark, ...]
    markers: tuple[Mark, ...]
    since: float
    until: float

    @property
    def empty(self) -> bool:
        return not (self.p50 or self.p95 or self.phases)


def chart(
    buckets: Sequence[Bucket],
    spans: Sequence[Span],
    since: float,
    until: float,
    incidents: Iterable[tuple[float, float, str]] = (),
    markers: Iterable[tuple[float, str]] = (),
) -> Chart:
    """``incidents`` are (from, until, text), ``markers`` (at, text)."""
    names = _phase_names(buckets)
    top = _nice(max((_height(bucket) for bucket in buckets), default=0.0))
    place = _Place(since, until, top)
    return Chart(
        tuple((name, place.area(_stacked(buckets, names, index))) for index, name in enumerate(names)),
        place.line(_runs((bucket, bucket.p50_s) for bucket in buckets)),
        place.line(_runs((bucket, bucket.p95_s) for bucket in buckets)),
        tuple((HEIGHT * (1 - step / 4), top * step / 4) for step in (1, 2, 3, 4)) if top else (),
        tuple((place.percent(at), at) for at in _moments(since, until)),
        tuple(place.strip(spans)),
        tuple(
            Mark(place.percent(start), max(0.3, place.percent(end) - place.percent(start)), text)
            for start, end, text in incidents
        ),
        tuple(Mark(place.percent(at), 0.0, text) for at, text in markers),
        since,
        until,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a moment and a value are."""

    since: float
    until: float
    top: float

    def x(self, at: float) -> float:
        share = (at - self.since) / (self.until - self.since)
        return min(max(share, 0.0), 1.0) * WIDTH

    def percent(self, at: float) -> float:
        return round(self.x(at) * 100 / WIDTH, 2)

    def y(self, value: float) -> float:
        return HEIGHT * (1 - min(value / self.top, 1.0)) if self.top else HEIGHT

    def line(self, runs: Iterable[Line]) -> str:
        return "".join("M" + "L".join(self._points(run)) for run in runs)

    def area(self, runs: Iterable[Sequence[tuple[float, float, float, float]]]) -> str:
        """Between the third and the fourth value."""
        pieces = []
        for run in runs:
            upper = self._points([(start, end, high) for start, end, _, high in run])
            lower = self._points([(start, end, low) for start, end, low, _ in run])
            pieces.append("M" + "L".join([*upper, *reversed(lower)]) + "Z")
        return "".join(pieces)

    def strip(self, spans: Iterable[Span]) -> Iterator[tuple[str, float, float]]:
        """Spans too short to be seen are drawn wide enough where they are downtime, and left out where they are not."""
        for span in spans:
            x, end = self.x(span.start), self.x(span.end)
            width = max(end - x, 3.0 if span.state is Stretch.DOWN else 0.0)
            if width >= 0.5:
                yield LETTERS[span.state], round(x, 1), round(width, 1)

    def _points(self, run: Line) -> list[str]:
        """From the edge of the first bucket over the middles to the edge of the last: one alone is a line too."""
        first, last = run[0], run[-1]
        middles = [((start + end) / 2, value) for start, end, value in run]
        points = [(first[0], first[2]), *middles, (last[1], last[2])]
        return [f"{self.x(at):.1f} {self.y(value):.1f}" for at, value in points]


def _runs(values: Iterable[tuple[Bucket, float | None]]) -> Iterator[Line]:
    """Stretches of buckets that have a value."""
    run: list[tuple[float, float, float]] = []
    for bucket, value in values:
        if value is not None:
            run.append((bucket.start, bucket.start + bucket.width_s, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _stacked(
    buckets: Sequence[Bucket], names: Sequence[str], index: int
) -> Iterator[list[tuple[float, float, float, float]]]:
    run: list[tuple[float, float, float, float]] = []
    for bucket in buckets:
        if bucket.phases:
            low = sum(bucket.phases.get(name, 0.0) for name in names[:index])
            high = low + bucket.phases.get(names[index], 0.0)
            run.append((bucket.start, bucket.start + bucket.width_s, low, high))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _phase_names(buckets: Iterable[Bucket]) -> tuple[str, ...]:
    """In the order they come in a run; those that never take any time are left out."""
    spent: dict[str, float] = {}
    for bucket in buckets:
        for name, seconds in _parts(bucket.phases).items():
            spent[name] = spent.get(name, 0.0) + seconds
    return tuple(name for name, seconds in spent.items() if seconds > 0)[:MOST_PHASES]


def _parts(phases: Mapping[str, float]) -> Mapping[str, float]:
    return {name: seconds for name, seconds in phases.items() if name != "total"}


def _height(bucket: Bucket) -> float:
    return max(bucket.p95_s or 0.0, bucket.p50_s or 0.0, sum(_parts(bucket.phases).values()))


def _moments(since: float, until: float) -> Iterator[float]:
    """Full hours or days between, not so near an edge that their words would be cut."""
    lasts = until - since
    step = next((step for step in STEPS_S if lasts / step <= MOST_TICKS), STEPS_S[-1])
    for number in range(math.ceil((since + lasts * 0.04) / step), math.floor((until - lasts * 0.04) / step) + 1):
        yield float(number * step)


def _nice(value: float) -> float:
    """The next one up that quarters well: 1, 2, 4 or 8 times a power of ten."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 4, 8, 10) if factor * power >= value * 0.999)
