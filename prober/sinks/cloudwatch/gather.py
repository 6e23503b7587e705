"""Data on their way, gathered by metric and period: CloudWatch's arrays of values with counts, or statistic sets."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from prober.clock import Clock
from prober.model import Result
from prober.sinks.cloudwatch.backlog import Backlog
from prober.sinks.cloudwatch.data import Datum, data_of, flaw
from prober.sinks.cloudwatch.spec import Spec

BATCH_DATA = 1_000
BATCH_BYTES = 900_000  # of the million a request may have; sizes are estimated from above
MOST_VALUES = 150

# How full the queue is, and the seconds that then become one statistic set.
COARSER = ((0.875, 3_600.0), (0.75, 900.0), (0.625, 300.0), (0.5, 60.0))

Series = tuple[str, tuple[tuple[str, str], ...], str]
Key = tuple[Series, float, bool]


class Tally:
    """What one metric was in one period, for one datum of a request."""

    __slots__ = (
        *("_at", "_counts", "_high", "_low", "_resolution", "_series", "_total"),
        *("due", "key", "since", "size", "weight"),
    )

    def __init__(self, datum: Datum, key: Key, due: float, resolution: int) -> None:
        self.key = key
        self.since = monotonic()
        self.due = due
        self.weight = 0
        self._series, self._at, as_set = key
        self._resolution = resolution
        self._counts: Counter[float] | None = None if as_set else Counter()
        self._total, self._low, self._high = 0.0, datum.value, datum.value
        texts = sum(len(name) + len(text) for name, text in datum.dimensions)
        # Texts may double when quoted, numbers are at most 25 long.
        self.size = 220 + 2 * (len(datum.name) + texts) + 24 * len(datum.dimensions) + (160 if as_set else 0)

    @property
    def full(self) -> bool:
        """Whether no other value has room."""
        return self._counts is not None and len(self._counts) >= MOST_VALUES

    def add(self, value: float) -> int:
        """Count ``value``; the bytes that it takes."""
        self.weight += 1
        self._total += value
        self._low, self._high = min(self._low, value), max(self._high, value)
        if self._counts is None:
            return 0
        grown = 0 if value in self._counts else 40
        self._counts[value] += 1
        self.size += grown
        return grown

    def wire(self) -> dict[str, Any]:
        """As boto3 wants it."""
        name, dimensions, unit = self._series
        return {
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions],
            "Timestamp": datetime.fromtimestamp(self._at, UTC),
            "Unit": unit,
            "StorageResolution": self._resolution,
            **self._statistics(),
        }

    def _statistics(self) -> dict[str, Any]:
        if self._counts is None:
            known = {"SampleCount": self.weight, "Sum": self._total, "Minimum": self._low, "Maximum": self._high}
            return {"StatisticValues": known}
        if self.weight == 1:
            return {"Value": self._low}
        return {"Values": list(self._counts), "Counts": [float(count) for count in self._counts.values()]}


class Gathering(Backlog[Tally]):
    """A backlog of tallies. The fuller it is, the longer the period that becomes one of them."""

    def __init__(self, spec: Spec, clock: Clock) -> None:
        super().__init__("cloudwatch", spec.queue_limit, BATCH_DATA, BATCH_BYTES)
        self._spec = spec
        self._clock = clock
        self._open: dict[Key, Tally] = {}
        self._resolution = 1 if spec.high_resolution else 60

    def add(self, result: Result) -> None:
        now = self._clock.wall()
        for datum in data_of(result, self._spec):
            if flaw(datum, now):
                self.dropped["rejected"] += 1
            else:
                self._count(datum, now)
        self._make_room()

    def _count(self, datum: Datum, now: float) -> None:
        key = self._key(datum)
        tally = self._open.get(key)
        if tally is None or tally.full:
            tally = self._open[key] = Tally(datum, key, self._due(datum.at, now), self._resolution)
            self._push(tally)
        self._bytes += tally.add(datum.value)
        self.waiting += 1

    def _key(self, datum: Datum) -> Key:
        series, fill = (datum.name, datum.dimensions, datum.unit), self.fill
        for least, period_s in COARSER:
            if fill >= least:
                return series, datum.at // period_s * period_s, True
        if self._spec.statistics == "each":
            return series, datum.at, False
        return series, datum.at // self._resolution * self._resolution, self._spec.statistics == "sets"

    def _due(self, at: float, now: float) -> float:
        """When the period of ``at`` is over; a clock that was set back makes nothing wait longer than a period."""
        if self._spec.statistics == "each":
            return 0.0
        ends = (at // self._resolution + 1) * self._resolution
        return monotonic() + min(max(0.0, ends - now), self._resolution)

    def _pop(self) -> Tally:
        tally = super()._pop()
        if self._open.get(tally.key) is tally:
            del self._open[tally.key]
        return tally
