"""Results as OTLP metrics: added up per check as they come, so that a service that is away costs no more memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from prober.model import Result, Verdict
from prober.sinks.otlp.spec import Temporality

BOUNDS_S = (0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
FORGOTTEN_S = 86_400.0  # a check that has not run for a day was removed; cron checks begin anew


@dataclass(slots=True)
class Durations:
    """A histogram, with one run of it as its example."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0
    example: Result | None = None

    def observe(self, result: Result) -> None:
        self.counts[bisect_left(BOUNDS_S, result.duration_s)] += 1
        self.sum_s += result.duration_s
        self.example = result


@dataclass(slots=True)
class Figures:
    """What is known of one check in one region since its counters began."""

    latest: Result
    measured: Result | None = None
    """The latest that was not unknown."""
    runs: dict[tuple[str, str], int] = field(default_factory=dict)
    durations: dict[str, Durations] = field(default_factory=dict)

    def take(self, result: Result) -> None:
        """Count ``result``; an unknown one measured nothing of the target."""
        self.latest = result
        key = (result.verdict.value, result.reason.value)
        self.runs[key] = self.runs.get(key, 0) + 1
        if result.verdict is not Verdict.UNKNOWN:
            self.measured = result
            self.durations.setdefault(result.verdict.value, Durations()).observe(result)


@dataclass(frozen=True, slots=True)
class Window:
    """The figures of a stretch of time, in wall seconds."""

    since: float
    until: float
    figures: Sequence[Figures]


class Book:
    """Adds results up; not for several threads at once."""

    def __init__(self, counts: Temporality, now: float) -> None:
        self._delta = counts == "delta"
        self._since = now
        self._figures: dict[tuple[str, str], Figures] = {}

    def take(self, result: Result) -> None:
        """Count ``result``."""
        key = (result.check.id, result.region)
        known = self._figures.get(key)
        if known is None:
            known = self._figures[key] = Figures(result)
        known.take(result)

    def window(self, now: float) -> Window | None:
        """What there is to tell at wall time ``now``; None when there is nothing."""
        if not self._delta:
            oldest = now - FORGOTTEN_S
            self._figures = {key: one for key, one in self._figures.items() if one.latest.started_at > oldest}
        if not self._figures:
            return None
        since, until = self._since, max(now, self._since + 1e-3)  # also where the clock was put back
        if not self._delta:
            return Window(since, until, [_copy(one) for one in self._figures.values()])
        figures, self._figures, self._since = list(self._figures.values()), {}, until
        return Window(since, until, figures)


def _copy(figures: Figures) -> Figures:
    durations = {
        verdict: Durations(list(one.counts), one.sum_s, one.example) for verdict, one in figures.durations.items()
    }
    return Figures(figures.latest, figures.measured, dict(figures.runs), durations)
