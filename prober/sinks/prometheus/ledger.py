"""What is counted of one check, and its current sample lines."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from math import inf

from prober.journey.tracing import recorded_trace
from prober.model import Check, Reason, Result, Verdict
from prober.sinks.prometheus.families import DURATION_BUCKETS_S
from prober.sinks.prometheus.samples import (
    MOST_MEASURES,
    MOST_STEPS,
    Cap,
    moving_lines,
    steady_key,
    steady_lines,
)
from prober.sinks.prometheus.text import Lines, join_labels, number

UNKNOWN_RUNS_SHOWN = 2  # unknown runs in a row after which the last figures would pretend to be current

DURATIONS = "prober_check_duration_seconds"

_STATES = {Verdict.UP: 0, Verdict.DEGRADED: 1, Verdict.DOWN: 2, Verdict.UNKNOWN: 3}


class Histogram:
    """A classic histogram: counts by upper bound in seconds, their sum and number."""

    __slots__ = ("_bounds", "_counts", "_examples", "_form", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._form = _form(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._examples: Mapping[int, str] = {}

    def observe(self, value: float, example: str = "") -> None:
        bucket = bisect_left(self._bounds, value)
        self._counts[bucket] += 1
        self._sum += value
        if example:
            self._examples = {**self._examples, bucket: example}  # whole, since a scrape may come at any time

    def lines(self, family: str, labels: str) -> bytes:
        """Its lines; ``labels`` are those that all of them have."""
        at = (family, labels)
        buckets = [part for total in accumulate(self._counts) for part in (family, labels, total)]
        return (self._form % (*buckets, *at, number(self._sum), *at, buckets[-1])).encode()

    def marked(self, lines: bytes) -> bytes:
        """``lines`` with the latest example of each bucket that has one, as OpenMetrics writes exemplars."""
        each = lines.decode().split("\n")
        for bucket, example in self._examples.items():
            each[bucket] += example
        return "\n".join(each).encode()

    @property
    def observed(self) -> int:
        """How many values it holds."""
        return sum(self._counts)

    def within(self, share: float) -> float | None:
        """The bound that ``share`` of the values stay within; infinity for the last, None where there are none."""
        wanted = share * self.observed
        totals = zip((*self._bounds, inf), accumulate(self._counts), strict=True)
        return next((bound for bound, total in totals if total >= wanted), None) if wanted else None

    @property
    def has_examples(self) -> bool:
        return bool(self._examples)


@lru_cache(maxsize=8)
def _form(bounds: tuple[float, ...]) -> str:
    """All lines of a histogram, to be filled in at once: it is done for every result."""
    each = [*(f'%s_bucket{{%s,le="{number(bound)}"}} %d\n' for bound in bounds), '%s_bucket{%s,le="+Inf"} %d\n']
    return "".join(each) + "%s_sum{%s} %s\n%s_count{%s} %d\n"


class Ledger:
    """One check's counters and lines."""

    def __init__(self, check: Check, job: str, region: str) -> None:
        self._job = job
        self._region = region
        self._runs: dict[tuple[Verdict, Reason], int] = {}
        self._durations = Histogram(DURATION_BUCKETS_S)
        self._profile: str | None = None
        self._state = Verdict.UNKNOWN
        self._failures: int | None = None
        self._unknown_runs = 0
        self._last_run_at: float | None = None
        self._missed = 0
        self._cancelled = 0
        self._measured: Mapping[str, bytes] = {}
        self._steady: Mapping[str, bytes] = {}
        self._steady_key: tuple[object, ...] | None = None
        self._counted: Mapping[str, bytes] = {}
        self._own: Mapping[str, bytes] = {}
        self._parts: tuple[Mapping[str, bytes], ...] = ()
        self.change(check)

    @property
    def parts(self) -> tuple[Mapping[str, bytes], ...]:
        """Its lines, each family in one of these, all as of one moment; empty until they are made.

        Those of ten thousand checks take a second, which nobody wants to spend before any of them has run.
        """
        return self._parts

    @property
    def parts_with_traces(self) -> tuple[Mapping[str, bytes], ...]:
        """The same, with the traces of runs beside the buckets they fell into."""
        if not self._durations.has_examples:
            return self._parts
        return tuple(self._marked(part) if DURATIONS in part else part for part in self._parts)

    def _marked(self, part: Mapping[str, bytes]) -> Mapping[str, bytes]:
        return {**part, DURATIONS: self._durations.marked(part[DURATIONS])}

    def change(self, check: Check) -> None:
        """Show another version of the same check: what was measured of the one before goes."""
        self.check = check
        place = (("check", check.id), ("region", self._region))
        self._own_labels = join_labels(place)
        # Figures of different profiles are different figures. Asking pydantic for a field that is none is dear.
        profile = getattr(check, "profile", None) if "profile" in type(check).model_fields else None
        if profile != self._profile:
            self._profile, self._durations = profile, Histogram(DURATION_BUCKETS_S)
        seen_as = (("profile", profile),) if profile else ()
        self._probe_labels = join_labels((("job", self._job), ("instance", check.target), *place, *seen_as))
        self._steps = Cap(MOST_STEPS)
        self._measures = Cap(MOST_MEASURES)
        self._measured, self._steady_key = {}, None
        self._own, self._parts = {}, ()

    def show(self) -> None:
        """Make the lines of what is known so far."""
        self._counted = self._count_lines()
        self._write_own()
        self._show()

    @property
    def missed(self) -> int:
        """Slots without a run."""
        return self._missed

    def take(self, result: Result) -> None:
        """Count ``result`` and show what it measured; an unknown one measured nothing."""
        key = (result.verdict, result.reason)
        self._runs[key] = self._runs.get(key, 0) + 1
        self._last_run_at = result.started_at
        unknown_before = self._unknown_runs > 0
        if result.verdict is Verdict.UNKNOWN:
            self._unknown_runs += 1
            if self._unknown_runs > UNKNOWN_RUNS_SHOWN:
                self._measured = {}
        else:
            self._unknown_runs = 0
            self._durations.observe(result.duration_s, _example(result))
            self._measured = self._measured_by(result)
        self._counted = self._count_lines()
        if unknown_before is not (self._unknown_runs > 0) or not self._own:
            self._write_own()
        self._show()

    def _measured_by(self, result: Result) -> Mapping[str, bytes]:
        # Most of what a run sees is what the one before saw, and formatting it anew is what costs.
        key = steady_key(result)
        if key is None or key != self._steady_key:
            self._steady_key = key
            self._steady = steady_lines(result, self._probe_labels, self._steps, self._measures)
        return {**self._steady, **moving_lines(result, self._probe_labels)}

    def set_state(self, verdict: Verdict, consecutive_failures: int) -> None:
        """Show the decided state."""
        if (self._state, self._failures) != (verdict, consecutive_failures):
            self._state = verdict
            self._failures = consecutive_failures
            self._own_changed()

    def count_missed(self, n: int) -> None:
        """Count slots without a run."""
        self._missed += n
        self._own_changed()

    def count_cancelled(self) -> None:
        """Count a run without a result."""
        self._cancelled += 1
        self._own_changed()

    def _count_lines(self) -> Mapping[str, bytes]:
        # Without Lines, which would double what this takes for every result.
        labels = self._own_labels
        counts = [f"prober_check_runs_total{{{labels},{_ended(*key)}}} {count}\n" for key, count in self._runs.items()]
        lines = {
            DURATIONS: self._durations.lines(DURATIONS, labels),
            "prober_check_runs_total": "".join(counts).encode(),
        }
        if self._last_run_at is not None:
            line = f"prober_check_last_run_timestamp_seconds{{{labels}}} {number(self._last_run_at)}\n"
            lines["prober_check_last_run_timestamp_seconds"] = line.encode()
        if self._steps.used or self._measures.used:
            lines |= self._dropped_lines()
        return lines

    def _dropped_lines(self) -> Mapping[str, bytes]:
        lines = Lines(self._own_labels)
        for what, cap in (("steps", self._steps), ("measures", self._measures)):
            if cap.used:
                lines.add("prober_check_series_dropped_total", cap.refused, f'what="{what}"')
        return lines.encode()

    def _own_changed(self) -> None:
        if self._parts:
            self._write_own()
            self._show()

    def _write_own(self) -> None:
        lines = Lines(self._own_labels)
        lines.add("prober_check_state", _STATES[Verdict.UNKNOWN if self._unknown_runs else self._state])
        lines.add_known("prober_check_consecutive_failures", self._failures)
        lines.add("prober_check_missed_runs_total", self._missed)
        lines.add("prober_check_cancelled_total", self._cancelled)
        if self.check.schedule is None:
            lines.add("prober_check_interval_seconds", self.check.interval)
        self._own = lines.encode()

    def _show(self) -> None:
        self._parts = (self._measured, self._counted, self._own)  # at once: a scrape may come at any time


@lru_cache(maxsize=512)
def _ended(verdict: Verdict, reason: Reason) -> str:
    return f'verdict="{verdict.value}",reason="{reason.value}"'


def _example(result: Result) -> str:
    trace_id = recorded_trace(result.observation.facts)
    return f' # {{trace_id="{trace_id}"}} {number(result.duration_s)} {number(result.started_at)}' if trace_id else ""
