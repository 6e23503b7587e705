"""A window of figures as OTLP metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from prober.journey.tracing import span_id
from prober.model import Result, Verdict
from prober.sinks.otlp import journeys
from prober.sinks.otlp.messages import SCOPE, attributes, ns
from prober.sinks.otlp.points import BOUNDS_S, Durations, Figures, Window
from prober.sinks.otlp.spans import PHASES, SYNTHETIC, run_attributes, trace_of
from prober.sinks.otlp.spec import Temporality

_TEMPORALITIES: dict[Temporality, AggregationTemporality.ValueType] = {
    "delta": AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
    "cumulative": AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
}


def request(
    window: Window, figures: Sequence[Figures], counts: Temporality, sender: Resource
) -> ExportMetricsServiceRequest:
    """Those ``figures`` of ``window`` as one request."""
    kind = _TEMPORALITIES[counts]
    metrics = [
        Metric(
            name="synthetic.check.duration",
            description="Duration of the runs that measured something",
            unit="s",
            histogram=Histogram(data_points=_durations(window, figures), aggregation_temporality=kind),
        ),
        Metric(
            name="synthetic.check.runs",
            description="Runs of the check by what they said",
            unit="{run}",
            sum=Sum(data_points=_runs(window, figures), aggregation_temporality=kind, is_monotonic=True),
        ),
        Metric(
            name="synthetic.check.success",
            description="1 when the latest run was up or degraded, 0 when it was down",
            unit="1",
            gauge=Gauge(data_points=_successes(figures)),
        ),
        Metric(
            name="synthetic.check.phase.duration",
            description="Duration of the latest run by phase",
            unit="s",
            gauge=Gauge(data_points=_phases(figures)),
        ),
        *journeys.metrics_of(figures),
    ]
    told = [metric for metric in metrics if metric.ByteSize() and _points(metric)]
    scope = ScopeMetrics(scope=SCOPE, metrics=told)
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(resource=sender, scope_metrics=[scope])])


def points_in(figures: Figures) -> int:
    """How many data points ``figures`` make."""
    measured = figures.measured
    phases = sum(name in measured.observation.phases for name in PHASES) if measured else 0
    journey = journeys.points_in(measured) if measured else 0
    return len(figures.durations) + len(figures.runs) + bool(measured) + phases + journey


def _points(metric: Metric) -> int:
    return len(getattr(metric, metric.WhichOneof("data") or "gauge").data_points)


def _told(result: Result, **more: str) -> list[KeyValue]:
    further = {f"synthetic.check.{name}": value for name, value in more.items()}
    return attributes({**run_attributes(result), **SYNTHETIC, **further})


def _durations(window: Window, figures: Iterable[Figures]) -> Iterator[HistogramDataPoint]:
    for one in figures:
        for verdict, seen in one.durations.items():
            yield HistogramDataPoint(
                attributes=_told(one.latest, verdict=verdict),
                start_time_unix_nano=ns(window.since),
                time_unix_nano=ns(window.until),
                count=sum(seen.counts),
                sum=seen.sum_s,
                bucket_counts=seen.counts,
                explicit_bounds=BOUNDS_S,
                exemplars=_example(seen),
            )


def _example(seen: Durations) -> Iterator[Exemplar]:
    if seen.example is not None:
        trace = trace_of(seen.example)
        yield Exemplar(
            time_unix_nano=ns(seen.example.started_at),
            as_double=seen.example.duration_s,
            trace_id=bytes.fromhex(trace),
            span_id=bytes.fromhex(span_id(trace, None)),
        )


def _runs(window: Window, figures: Iterable[Figures]) -> Iterator[NumberDataPoint]:
    for one in figures:
        for (verdict, reason), count in one.runs.items():
            yield NumberDataPoint(
                attributes=_told(one.latest, verdict=verdict, reason=reason),
                start_time_unix_nano=ns(window.since),
                time_unix_nano=ns(window.until),
                as_int=count,
            )


def _successes(figures: Iterable[Figures]) -> Iterator[NumberDataPoint]:
    for one in figures:
        if seen := one.measured:
            up = int(seen.verdict is not Verdict.DOWN)
            yield NumberDataPoint(attributes=_told(seen), time_unix_nano=_ended(seen), as_int=up)


def _phases(figures: Iterable[Figures]) -> Iterator[NumberDataPoint]:
    for one in figures:
        if seen := one.measured:
            for name in PHASES:
                if name in seen.observation.phases:
                    yield NumberDataPoint(
                        attributes=_told(seen, phase=name),
                        time_unix_nano=_ended(seen),
                        as_double=seen.observation.phases[name],
                    )


def _ended(result: Result) -> int:
    return ns(result.started_at + result.duration_s)
