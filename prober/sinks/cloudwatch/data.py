"""Results as CloudWatch data, and the limits a datum must keep to.

Limits: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html; one datum beyond them
fails its whole request, so each is mended or left out alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from prober.model import Result, Verdict
from prober.sinks.cloudwatch.spec import Metrics

OLDEST_S = 14 * 86_400.0
NEWEST_S = 2 * 3_600.0
MOST_DIMENSIONS = 30
LONGEST_NAME = 255
LONGEST_DIMENSION = 1024
LARGEST = 2.0**360

_VITALS_S = ("ttfb", "fcp", "lcp", "inp", "tbt")
_SIZES = [prefix + what for prefix in ("", "kilo", "mega", "giga", "tera") for what in ("bytes", "bits")]
_NAMES = ["Seconds", "Milliseconds", "Microseconds", "Percent", "Count", "Count/Second", "None"]
_NAMES += [size.capitalize() + per for size in _SIZES for per in ("", "/Second")]
_SHORT = {"s": "Seconds", "ms": "Milliseconds", "us": "Microseconds", "%": "Percent", "1/s": "Count/Second"}
_SHORT |= {"b": "Bytes", "kb": "Kilobytes", "mb": "Megabytes", "gb": "Gigabytes", "tb": "Terabytes"}
_UNITS = _SHORT | {name.lower(): name for name in _NAMES}
Reading = tuple[str, float | None, str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Datum:
    """One value of one metric."""

    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    value: float
    at: float


def data_of(result: Result, spec: Metrics) -> Iterator[Datum]:
    """The data ``result`` makes, at its own time. An unknown one makes none: it measured nothing of the target."""
    if result.verdict is Verdict.UNKNOWN:
        return
    own = _dimensions(result, spec)
    plain = tuple(own.items())
    for group in spec.metrics:
        for name, value, unit, more in _GROUPS[group](result):
            if value is not None:
                told = _labelled(own, more) if more else plain
                yield Datum(safe(name, LONGEST_NAME), told, unit, value, result.started_at)


def flaw(datum: Datum, now: float) -> str | None:
    """What CloudWatch would refuse ``datum`` for at wall time ``now``; None when it is good."""
    if not isinstance(datum.value, int | float) or not abs(datum.value) <= LARGEST:  # NaN is not <= anything
        return "value"
    if not now - OLDEST_S < datum.at < now + NEWEST_S:
        return "timestamp"
    if len(datum.dimensions) > MOST_DIMENSIONS:
        return "dimensions"
    return None


@lru_cache(maxsize=8192)
def safe(text: str, longest: int = LONGEST_DIMENSION) -> str:
    """``text`` as CloudWatch takes it, printable ASCII: letters lose their accents, others become their codes."""
    if not (text.isascii() and text.isprintable()):
        bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        words = " ".join(bare.split())
        text = "".join(c if c.isprintable() else "?" for c in words).encode("ascii", "backslashreplace").decode()
    return text[:longest] if text.strip() else "(none)"


def unit_of(text: str) -> str:
    """CloudWatch's name of a unit that is written as ``s``, ``ms``, ``%``, ``kB``, or by that name."""
    return _UNITS.get(text.lower(), "None")


def _labelled(own: dict[str, str], more: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    labels = {safe(key.lstrip(":"), LONGEST_NAME): safe(text) for key, text in more.items()}
    return tuple((own | labels | own).items())


def _dimensions(result: Result, spec: Metrics) -> dict[str, str]:
    check = result.check
    every = {"Check": check.id, "Region": result.region, "Kind": check.kind, "Severity": check.severity.value}
    return {name: safe(every[name]) for name in spec.dimensions}


def _success(result: Result) -> Iterator[Reading]:
    # Not a count of failures: that would have to be summed up, and a repeated request makes sums wrong.
    yield "Success", 0.0 if result.verdict is Verdict.DOWN else 1.0, "Count", {}


def _duration(result: Result) -> Iterator[Reading]:
    yield "Duration", result.duration_s, "Seconds", {}


def _phases(result: Result) -> Iterator[Reading]:
    for phase, seconds in result.observation.phases.items():
        if phase != "total":
            yield "PhaseDuration", seconds, "Seconds", {"Phase": phase}


def _steps(result: Result) -> Iterator[Reading]:
    for step in result.observation.steps:
        yield "StepDuration", step.duration_s, "Seconds", {"Step": step.name}


def _vitals(result: Result) -> Iterator[Reading]:
    for step in result.observation.steps:
        for navigation in step.navigations:
            for vital in _VITALS_S:
                yield vital.upper(), getattr(navigation, f"{vital}_s"), "Seconds", {"Step": step.name}
            yield "CLS", navigation.cls, "None", {"Step": step.name}


def _measures(result: Result) -> Iterator[Reading]:
    for measure in result.observation.measures:
        labels = {key: str(value) for key, value in measure.labels.items()}
        yield f"Measure.{measure.name}", measure.value, unit_of(measure.unit), labels


_GROUPS: Mapping[str, Callable[[Result], Iterator[Reading]]] = {
    "success": _success,
    "duration": _duration,
    "phases": _phases,
    "steps": _steps,
    "vitals": _vitals,
    "measures": _measures,
}
