"""An OTLP/HTTP receiver that decodes what it takes and refuses what the specification forbids."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from fakes.receiver import Answer, Posted, Receiver, receiver

BUSY = Answer(503, b"busy")
KINDS = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse),
}


def refusing(count: int, why: str) -> Answer:
    """A success of which ``count`` spans were not taken."""
    told = ExportTraceServiceResponse()
    told.partial_success.rejected_spans = count
    told.partial_success.error_message = why
    return Answer(200, told.SerializeToString(), {"Content-Type": "application/x-protobuf"})


class Collector(Receiver):
    """What was taken, decoded."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.limit_bytes = 10_000_000
        """Requests beyond this, unpacked, are refused with 413."""
        self.spans: list[Span] = []
        self.metrics: list[Metric] = []
        self.resources: list[dict[str, Any]] = []
        self.sizes: list[int] = []

    def take(self, posted: Posted) -> Answer:
        answer = super().take(posted)
        if answer is not self.always:
            return answer
        try:
            return Answer(200, self._decoded(posted), {"Content-Type": "application/x-protobuf"})
        except (AssertionError, DecodeError, KeyError) as error:
            return Answer(413 if str(error).startswith("too big") else 400, str(error).encode())

    def _decoded(self, posted: Posted) -> bytes:
        assert posted.headers["Content-Type"] == "application/x-protobuf"
        assert posted.headers["User-Agent"].startswith("prober/")
        body = gzip.decompress(posted.raw) if posted.headers.get("Content-Encoding") == "gzip" else posted.raw
        assert len(body) <= self.limit_bytes, f"too big: {len(body)}"
        asked, told = KINDS[posted.path]
        request = asked.FromString(body)
        if isinstance(request, ExportTraceServiceRequest):
            spans = [span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans]
            _check_spans(spans)
            self.spans += spans
            self.resources += [attributes(one.resource) for one in request.resource_spans]
        else:
            metrics = [m for one in request.resource_metrics for scope in one.scope_metrics for m in scope.metrics]
            _check_metrics(metrics)
            self.metrics += metrics
            self.resources += [attributes(one.resource) for one in request.resource_metrics]
        self.sizes.append(len(body))
        return bytes(told().SerializeToString())


def attributes(of: Any) -> dict[str, Any]:
    """The attributes of a span, a point or a resource as a dict."""
    return {one.key: _plain(one.value) for one in of.attributes}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_plain(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def _check_spans(spans: list[Span]) -> None:
    by_id = {(span.trace_id, span.span_id) for span in spans}
    assert len(by_id) == len(spans), "a span id twice in its trace"
    for span in spans:
        assert len(span.trace_id) == 16 and any(span.trace_id), "trace id"  # noqa: PT018
        assert len(span.span_id) == 8 and any(span.span_id), "span id"  # noqa: PT018
        assert not span.parent_span_id or (span.trace_id, span.parent_span_id) in by_id, "parent not there"
        assert span.name
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano, "times"
        _check_attributes(span)


def _check_metrics(metrics: list[Metric]) -> None:
    for metric in metrics:
        data = getattr(metric, metric.WhichOneof("data"))
        assert data.data_points, f"{metric.name} is empty"
        keys = [tuple(sorted((key, str(value)) for key, value in attributes(p).items())) for p in data.data_points]
        assert len(set(keys)) == len(keys), f"{metric.name}: a series twice"
        for point in data.data_points:
            _check_attributes(point)
            if metric.WhichOneof("data") != "gauge":
                assert 0 < point.start_time_unix_nano < point.time_unix_nano, "window"
                assert data.aggregation_temporality in (1, 2)
            if metric.WhichOneof("data") == "histogram":
                assert point.count == sum(point.bucket_counts)
                assert len(point.bucket_counts) == len(point.explicit_bounds) + 1


def _check_attributes(of: Any) -> None:
    keys = [one.key for one in of.attributes]
    assert len(set(keys)) == len(keys), "an attribute twice"
    assert all(one.value.WhichOneof("value") for one in of.attributes), "an attribute without value"
    assert all(len(one.value.string_value) <= 4_095 for one in of.attributes), "an attribute that is too long"


@contextmanager
def collector() -> Iterator[Collector]:
    """A running one on loopback."""
    with receiver(Collector) as running:
        yield running
