"""One run as one trace: a span for the run, and below it its request or steps, with phases and navigations.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/; what it has no names for is called ``synthetic.*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from prober.journey.tracing import recorded_trace, span_id, trace_id_of
from prober.journey.wire import OUTSIDE_STEPS
from prober.model import Navigation, Result, Step, Verdict
from prober.sinks.otlp.messages import attributes, ns, text

PHASES = ("resolve", "connect", "tls", "dialogue", "processing", "transfer")
SYNTHETIC = {"user_agent.synthetic.type": "test"}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of one run, and the bounds no span of it leaves."""

    id: str
    begins: float
    ends: float

    def span(
        self, part: str, parent: str | None, name: str, at: float, lasts_s: float, told: Mapping[str, Any]
    ) -> Span:
        """The span with id ``part``; ``at`` is wall time."""
        begins = min(max(at, self.begins), self.ends)
        return Span(
            trace_id=bytes.fromhex(self.id),
            span_id=bytes.fromhex(part),
            parent_span_id=bytes.fromhex(parent or ""),
            name=text(name),
            kind=Span.SPAN_KIND_INTERNAL,
            flags=0x101,  # sampled, and that its parent is not remote is known
            start_time_unix_nano=ns(begins),
            end_time_unix_nano=ns(min(max(begins, at + lasts_s), self.ends)),
            attributes=attributes(told),
        )


def spans_of(result: Result) -> list[Span]:
    """The whole trace of ``result``, its root first."""
    lasts_s = max(result.duration_s, 0.0)
    trace = Trace(trace_of(result), result.started_at, result.started_at + lasts_s)
    request = result.check.kind == "http"
    # What the target was told as its parent is what asked it: the request, or else the run.
    asked = span_id(trace.id, None)
    root_id = span_id(trace.id, "run") if request else asked
    root = trace.span(root_id, None, f"check {result.check.id}", trace.begins, lasts_s, _told_of_run(result))
    _mark(root, result)
    if request:
        return [root, *_request(trace, root_id, asked, result)]
    return [root, *_phases(trace, root_id, result), *_steps(trace, root_id, result)]


def trace_of(result: Result) -> str:
    """The trace id that the run told its target, or one made of the run's id."""
    return recorded_trace(result.observation.facts) or trace_id_of(result.run_id)


def run_attributes(result: Result) -> dict[str, Any]:
    """What tells one check's data from another's."""
    return {
        "synthetic.check.id": result.check.id,
        "synthetic.check.kind": result.check.kind,
        "synthetic.check.region": result.region,
    }


def _told_of_run(result: Result) -> dict[str, Any]:
    return {
        **run_attributes(result),
        **SYNTHETIC,
        "synthetic.check.title": result.check.title,
        "synthetic.check.target": result.check.target,
        "synthetic.check.tags": result.check.tags,
        "synthetic.check.verdict": result.verdict.value,
        "synthetic.check.reason": result.reason.value,
        "synthetic.run.id": result.run_id,
        "error.type": None if _fine(result) else result.reason.value,
    }


def _fine(result: Result) -> bool:
    return result.verdict in (Verdict.UP, Verdict.DEGRADED)


def _mark(span: Span, result: Result) -> None:
    if not _fine(result):
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=text(result.message)))


def _request(trace: Trace, parent: str, own: str, result: Result) -> Iterator[Span]:
    facts = result.observation.facts
    url = str(facts.get("url") or result.check.target)
    parts = urlsplit(url)
    method = str(getattr(result.check, "method", "GET"))
    status = facts.get("status")
    told = {
        **SYNTHETIC,
        "http.request.method": method,
        "url.full": url,
        "server.address": parts.hostname,
        "server.port": parts.port or _PORTS.get(parts.scheme),
        "http.response.status_code": status,
        "http.request.resend_count": _count(facts.get("redirects")) or None,
        "http.response.body.size": facts.get("body_bytes"),
        "network.protocol.name": "http" if status else None,
        "network.protocol.version": facts.get("http_version"),
        "network.peer.address": facts.get("remote_address"),
        "error.type": None if _fine(result) else str(status) if status and status >= 400 else result.reason.value,
    }
    span = trace.span(own, parent, method, trace.begins, trace.ends - trace.begins, told)
    span.kind = Span.SPAN_KIND_CLIENT
    _mark(span, result)
    yield span
    yield from _phases(trace, own, result)


def _phases(trace: Trace, parent: str, result: Result) -> Iterator[Span]:
    """Of journeys they are sums over requests, and so no stretches of time."""
    if result.observation.steps:
        return
    at = trace.begins
    for name in PHASES:
        lasts_s = result.observation.phases.get(name)
        if lasts_s is not None:
            yield trace.span(span_id(trace.id, "phase", name), parent, name, at, lasts_s, {"synthetic.phase": name})
            at += lasts_s


def _steps(trace: Trace, parent: str, result: Result) -> Iterator[Span]:
    """One after another: of a step its duration is known, and what was between two steps is not."""
    steps = result.observation.steps
    first = 1 if steps and steps[0].name == OUTSIDE_STEPS else 0
    at = trace.begins
    for index, step in enumerate(steps, -first):
        own = span_id(trace.id, index) if index >= 0 else parent
        if index >= 0:
            yield _step(trace, parent, own, at, step)
        yield from _navigations(trace, own, at, index, step.navigations)
        at += step.duration_s


def _step(trace: Trace, parent: str, own: str, at: float, step: Step) -> Span:
    told = {"synthetic.step.name": step.name, "synthetic.step.verdict": step.verdict.value}
    span = trace.span(own, parent, step.name, at, step.duration_s, told)
    if step.verdict is Verdict.DOWN:
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=text(step.message)))
    return span


def _navigations(
    trace: Trace, parent: str, at: float, step: int, navigations: tuple[Navigation, ...]
) -> Iterator[Span]:
    for number, seen in enumerate(navigations):
        lasts_s = seen.timings.get("total_load_time_s") or seen.lcp_s or seen.ttfb_s or 0.0
        told = {"url.full": seen.url, "synthetic.navigation.kind": seen.kind, "synthetic.vital.cls": seen.cls}
        told |= {f"synthetic.vital.{name}": getattr(seen, f"{name}_s") for name in ("ttfb", "fcp", "lcp", "inp")}
        yield trace.span(span_id(trace.id, step, "navigation", number), parent, seen.url, at, lasts_s, told)
        at += lasts_s


def _count(redirects: Any) -> int:
    return len(redirects) if isinstance(redirects, list | tuple) else int(redirects or 0)
