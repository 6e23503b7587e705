"""What journeys measured in their latest run, as OTLP gauges: steps, vitals by step, and figures of the business."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint

from prober.model import Measure, Navigation, Result, Step
from prober.sinks.otlp.messages import attributes, ns
from prober.sinks.otlp.points import Figures
from prober.sinks.otlp.spans import SYNTHETIC, run_attributes

MOST = 100
"""Steps and figures of one run that become points: a script that names them by what it finds must cost no fortune."""
LONGEST_NAME = 100
VITALS = {
    "lcp": ("s", "Largest Contentful Paint"),
    "fcp": ("s", "First Contentful Paint"),
    "ttfb": ("s", "Time To First Byte"),
    "inp": ("s", "Interaction to Next Paint"),
    "tbt": ("s", "Total Blocking Time"),
    "cls": ("1", "Cumulative Layout Shift"),
}


def metrics_of(figures: Iterable[Figures]) -> list[Metric]:
    """The gauges of the latest runs that measured something; some may have no points."""
    results = [one.measured for one in figures if one.measured is not None]
    return [
        _gauge("step.duration", "s", "Duration of the latest run by step", _steps(results)),
        *(
            _gauge(f"web_vital.{name}", unit, f"{title} of the latest run, by step the worst", _vitals(results, name))
            for name, (unit, title) in VITALS.items()
        ),
        _gauge("measure", "", "A figure that the latest run recorded", _measures(results)),
    ]


def points_in(result: Result) -> int:
    """How many points ``result`` makes here."""
    return sum(len(metric.gauge.data_points) for metric in metrics_of([Figures(result, result)]))


def _gauge(name: str, unit: str, description: str, points: Iterable[NumberDataPoint]) -> Metric:
    return Metric(
        name=f"synthetic.check.{name}", description=description, unit=unit, gauge=Gauge(data_points=list(points))
    )


def _steps(results: Iterable[Result]) -> Iterator[NumberDataPoint]:
    for result in results:
        worst: dict[str, float] = {}
        for step in _some(result):
            worst[_name(step)] = max(step.duration_s, worst.get(_name(step), 0.0))
        yield from (_point(result, value, {"synthetic.step.name": name}) for name, value in worst.items())


def _vitals(results: Iterable[Result], vital: str) -> Iterator[NumberDataPoint]:
    for result in results:
        worst: dict[str, float] = {}
        for step in _some(result):
            for seen in step.navigations:
                value = _vital(seen, vital)
                if value is not None:
                    worst[_name(step)] = max(value, worst.get(_name(step), value))
        yield from (_point(result, value, {"synthetic.step.name": name}) for name, value in worst.items())


def _measures(results: Iterable[Result]) -> Iterator[NumberDataPoint]:
    for result in results:
        for measure in islice(result.observation.measures, MOST):
            if math.isfinite(measure.value):
                yield _point(result, float(measure.value), _told(measure))


def _told(measure: Measure) -> dict[str, Any]:
    own = {"synthetic.measure.name": measure.name[:LONGEST_NAME], "synthetic.measure.unit": measure.unit[:LONGEST_NAME]}
    labels = islice(measure.labels.items(), MOST)
    return {**{f"synthetic.measure.label.{key}"[:LONGEST_NAME]: str(value) for key, value in labels}, **own}


def _some(result: Result) -> Iterator[Step]:
    return islice(result.observation.steps, MOST)


def _name(step: Step) -> str:
    return step.name[:LONGEST_NAME]


def _vital(seen: Navigation, vital: str) -> float | None:
    value: float | None = seen.cls if vital == "cls" else getattr(seen, f"{vital}_s")
    return value


def _point(result: Result, value: float, told: Mapping[str, Any]) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=attributes({**run_attributes(result), **SYNTHETIC, **told}),
        time_unix_nano=ns(result.started_at + result.duration_s),
        as_double=value,
    )
