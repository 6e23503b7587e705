"""The sink: traces and metrics each packed and sent by a thread of its own."""

from __future__ import annotations

import gzip
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from prober.clock import Clock
from prober.log import Log
from prober.model import Result, Verdict
from prober.sinks._post import Post
from prober.sinks._pump import Backoff, Parcel, Pump
from prober.sinks.otlp import metrics
from prober.sinks.otlp.messages import SCOPE, resource, split
from prober.sinks.otlp.points import Book
from prober.sinks.otlp.spans import spans_of
from prober.sinks.otlp.spec import Signal, Spec

BATCH_RUNS = 512
RETRIED = frozenset({429, 502, 503, 504})  # as the protocol has it; whatever else is answered stays so

_log = Log(__name__)


class Feed:
    """A Sink; ``dropped`` counts runs left out of the traces, data points, and what a service says it refused."""

    def __init__(self, spec: Spec, clock: Clock, backoff: Backoff | None = None) -> None:
        self._spec = spec
        self._clock = clock
        self._sender = resource(spec)
        self._lock = threading.Lock()
        self._runs: list[Result] = []
        self._book = Book(spec.counts, clock.wall())
        packs: dict[Signal, Callable[[bool], list[Parcel]]] = {
            "traces": self._pack_traces,
            "metrics": self._pack_metrics,
        }
        self._pumps = {signal: self._pump(signal, packs[signal], backoff) for signal in spec.signals}

    def start(self) -> None:
        """Begin to send."""
        for pump in self._pumps.values():
            pump.start()

    def offer(self, result: Result) -> None:
        """Take ``result`` into what is sent next."""
        if "metrics" in self._pumps:
            with self._lock:
                self._book.take(result)
        if traces := self._pumps.get("traces"):
            self._keep(traces, result)

    def close(self, grace_s: float) -> None:
        """Send what there is for at most ``grace_s`` seconds."""
        closers = [threading.Thread(target=pump.close, args=(grace_s,)) for pump in self._pumps.values()]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()

    @property
    def queued(self) -> int:
        """Runs and data points waiting."""
        return len(self._runs) + sum(pump.queued for pump in self._pumps.values())

    @property
    def dropped(self) -> Mapping[str, int]:
        """What was given up since the start: ``thinned`` are good runs that have no trace, to save room."""
        found: Counter[str] = Counter(thinned=0)
        for pump in self._pumps.values():
            found.update(pump.dropped)
        return dict(found)

    def _pump(self, signal: Signal, pack: Callable[[bool], list[Parcel]], backoff: Backoff | None) -> Pump:
        post = Post(self._spec.url(signal), self._spec.all_headers(), RETRIED.__contains__)
        deliver = partial(_deliver, post, signal)
        return Pump(f"otlp {signal}", self._spec.flush_interval, pack, deliver, post.close, backoff)

    def _keep(self, traces: Pump, result: Result) -> None:
        if reason := self._refusal(traces, result):
            traces.drop(reason)
            return
        with self._lock:
            self._runs.append(result)
        if len(self._runs) == BATCH_RUNS:
            traces.wake()

    def _refusal(self, traces: Pump, result: Result) -> str | None:
        """Why ``result`` has no trace."""
        if traces.closing or len(self._runs) >= self._spec.queue_limit:
            return "full"
        return "thinned" if traces.crowded and result.verdict is Verdict.UP else None

    def _pack_traces(self, _: bool) -> list[Parcel]:
        with self._lock:
            runs, self._runs = self._runs, []
        traces = []
        for run in runs:
            try:
                traces.append(spans_of(run))
            except (ValueError, TypeError, OverflowError) as error:  # one odd run must not silence the sink
                _log.warning("a run makes no trace", check=run.check.id, run=run.run_id, problem=str(error))
                self._pumps["traces"].drop("rejected")
        return self._parcels("traces", traces, self._traces, lambda some: len(some))

    def _pack_metrics(self, ending: bool) -> list[Parcel]:
        if self._pumps["metrics"].crowded and not ending:
            return []  # the next window tells it all, less finely
        with self._lock:
            window = self._book.window(self._clock.wall())
        if window is None:
            return []
        build = lambda some: metrics.request(window, some, self._spec.counts, self._sender)  # noqa: E731
        return self._parcels("metrics", window.figures, build, lambda some: sum(map(metrics.points_in, some)))

    def _traces(self, traces: Iterable[list[Span]]) -> Message:
        spans = [span for trace in traces for span in trace]
        scope = ScopeSpans(scope=SCOPE, spans=spans)
        return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=self._sender, scope_spans=[scope])])

    def _parcels(
        self, signal: Signal, items: Sequence[Any], build: Callable[[Any], Message], count: Callable[[Any], int]
    ) -> list[Parcel]:
        """``items`` in requests of which none is too big for the service."""
        parcels, at = [], 0
        for start in range(0, len(items), BATCH_RUNS):
            for body, held in split(items[start : start + BATCH_RUNS], build, self._spec.service.request_bytes):
                told = count(items[at : at + held])
                at += held
                if body is None:
                    self._pumps[signal].drop("rejected", told)
                else:
                    parcels.append(Parcel(gzip.compress(body, compresslevel=1), told))
        return parcels


def _deliver(post: Post, signal: Signal, parcel: Parcel) -> int:
    """How much of ``parcel`` was refused, as the answer says. Raises Retryable or Permanent."""
    reply = post(parcel.body)
    answer = ExportTraceServiceResponse() if signal == "traces" else ExportMetricsServiceResponse()
    try:
        answer.ParseFromString(reply)
    except DecodeError:  # a success without words is one
        return 0
    told = answer.partial_success
    refused = told.rejected_spans if signal == "traces" else told.rejected_data_points
    if refused or told.error_message:
        _log.warning(f"otlp {signal} not taken as a whole", refused=refused, problem=told.error_message)
    return max(0, int(refused))
