"""Results as CloudWatch data, and the limits a datum must keep to.

Limits: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html; one datum beyond them
fails its whole request, so each is examined alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from prober.model import Result, Verdict
from prober.sinks.cloudwatch.spec import Spec

Datum = dict[str, Any]

OLDEST_S = 14 * 86_400.0
NEWEST_S = 2 * 3_600.0
MOST_DIMENSIONS = 30
LONGEST_NAME = 255
LONGEST_DIMENSION = 1024
LARGEST = 2.0**360

_VITALS_S = ("ttfb", "fcp", "lcp", "inp", "tbt")
_UNITS = {
    "": "None",
    "s": "Seconds",
    "ms": "Milliseconds",
    "seconds": "Seconds",
    "milliseconds": "Milliseconds",
    "B": "Bytes",
    "bytes": "Bytes",
    "%": "Percent",
    "percent": "Percent",
    "count": "Count",
}
Reading = tuple[str, float | None, str, dict[str, str]]


def data_of(result: Result, spec: Spec) -> Iterator[Datum]:
    """The data ``result`` makes, at its own time. An unknown one makes none: it measured nothing of the target."""
    if result.verdict is Verdict.UNKNOWN:
        return
    own = _dimensions(result, spec)
    for group in spec.metrics:
        for name, value, unit, more in _GROUPS[group](result):
            if value is not None:
                yield _datum(name, value, unit, own | more | own, result.started_at)


def flaw(datum: Datum, now: float) -> str | None:
    """What CloudWatch would refuse ``datum`` for at wall time ``now``; None when it is good."""
    value, at = datum["Value"], datum["Timestamp"]
    dimensions = datum["Dimensions"]
    if not isinstance(value, int | float) or not abs(value) <= LARGEST:  # NaN is not <= anything
        return "value"
    if not now - OLDEST_S < at < now + NEWEST_S:
        return "timestamp"
    if not _fits(datum["MetricName"], LONGEST_NAME):
        return "name"
    if len(dimensions) > MOST_DIMENSIONS:
        return "dimensions"
    if not all(_fits(d["Name"], LONGEST_NAME) and d["Name"][0] != ":" for d in dimensions):
        return "dimension name"
    if not all(_fits(d["Value"], LONGEST_DIMENSION) for d in dimensions):
        return "dimension value"
    return None


def size_bytes(datum: Datum) -> int:
    """At least the bytes ``datum`` takes in a request: texts may double when quoted, numbers are at most 25 long."""
    texts = sum(len(d["Name"]) + len(d["Value"]) for d in datum["Dimensions"])
    return 180 + 2 * (len(datum["MetricName"]) + texts) + 24 * len(datum["Dimensions"])


def wire(datum: Datum) -> Datum:
    """``datum`` as boto3 wants it."""
    return {**datum, "Timestamp": datetime.fromtimestamp(datum["Timestamp"], UTC)}


def _fits(text: str, longest: int) -> bool:
    return len(text) <= longest and text.isascii() and text.isprintable() and bool(text.strip())


def _datum(name: str, value: float, unit: str, dimensions: Mapping[str, str], at: float) -> Datum:
    listed = [{"Name": key, "Value": text} for key, text in dimensions.items()]
    return {"MetricName": name, "Dimensions": listed, "Timestamp": at, "Value": value, "Unit": unit}


def _dimensions(result: Result, spec: Spec) -> dict[str, str]:
    check = result.check
    every = {"Check": check.id, "Region": result.region, "Kind": check.kind, "Severity": check.severity.value}
    return {name: every[name] for name in spec.dimensions}


def _success(result: Result) -> Iterator[Reading]:
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
        unit = _UNITS.get(measure.unit, "None")
        labels = {key: str(value) for key, value in measure.labels.items()}
        yield f"Measure.{measure.name}", measure.value, unit, labels


_GROUPS: Mapping[str, Callable[[Result], Iterator[Reading]]] = {
    "success": _success,
    "duration": _duration,
    "phases": _phases,
    "steps": _steps,
    "vitals": _vitals,
    "measures": _measures,
}
