"""A result as a document: ECS, and the fields of the platform's own logs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from prober.clock import iso
from prober.model import Certificate, Result, Step, Verdict
from prober.sinks._plain import as_json
from prober.sinks.elasticsearch.spec import Spec

ECS_VERSION = "8.17.0"
LONGEST_URL = 8_192

_LEVELS = {Verdict.UP: "info", Verdict.DEGRADED: "warn", Verdict.DOWN: "error", Verdict.UNKNOWN: "warn"}
_OUTCOMES = {
    Verdict.UP: "success",
    Verdict.DEGRADED: "success",
    Verdict.DOWN: "failure",
    Verdict.UNKNOWN: "unknown",
}
_RTT = {
    "resolve.rtt.us": "resolve",
    "tcp.rtt.connect.us": "connect",
    "tls.rtt.handshake.us": "tls",
    "http.rtt.response_header.us": "processing",
    "http.rtt.content.us": "transfer",
}
_VITALS_S = ("ttfb", "fcp", "lcp", "inp", "tbt")
_EVENT_LABELS = ("eventId", "event_id", "event")


def document_id(result: Result) -> str:
    """The same for the same run, so that one that is sent again is not there twice."""
    name = "\0".join((result.check.id, result.region, result.run_id))
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:40]


def document(result: Result, spec: Spec) -> dict[str, Any]:
    """``result`` as Elasticsearch takes it, by the template's fields; what was not seen is left out.

    Names stay dotted: Elasticsearch reads them as the objects they stand for, and making those takes a third of it all.
    """
    seen = {**_log(result, spec), **_event(result, spec), **_monitor(result), **_target(result), **_journey(result)}
    told = {name: value for name, value in seen.items() if value is not None and value != "" and value != []}
    return {**told, "prober": as_json(result)}


def _log(result: Result, spec: Spec) -> Mapping[str, Any]:
    level = _LEVELS[result.verdict]
    return {
        "@timestamp": iso(result.started_at),
        "level": level,
        "log.level": level,
        "message": _message(result),
        "service": spec.service,
        "environment": spec.environment,
        "requestId": result.run_id,
        "eventId": _event_id(result),
        "duration": _whole(result.duration_s * 1e3),
    }


def _message(result: Result) -> str:
    """The same for failures of one kind, as far as the result's own words are: it is what they are counted by."""
    told = result.message or result.reason.value
    return f"{result.check.id} is {result.verdict.value}" + ("" if result.verdict is Verdict.UP else f": {told}")


def _event_id(result: Result) -> str | None:
    """The platform's event that a journey went through, where one of its measures says it."""
    labels = (measure.labels for measure in result.observation.measures)
    return next((str(one[name]) for one in labels for name in _EVENT_LABELS if name in one), None)


def _event(result: Result, spec: Spec) -> Mapping[str, Any]:
    kind, dataset, namespace = spec.data_stream.split("-")
    bad = result.verdict is not Verdict.UP
    return {
        "ecs.version": ECS_VERSION,
        "data_stream.type": kind,
        "data_stream.dataset": dataset,
        "data_stream.namespace": namespace,
        "event.kind": "event",
        "event.dataset": dataset,
        "event.outcome": _OUTCOMES[result.verdict],
        "event.duration": _whole(result.duration_s * 1e9),
        "error.type": result.reason.value if bad else None,
        "error.message": result.message if bad else None,
        "observer.type": "synthetics",
        "observer.geo.name": result.region,
        "trace.id": result.observation.facts.get("trace_id"),
        "tags": list(result.check.tags),
    }


def _monitor(result: Result) -> Mapping[str, Any]:
    check, known = result.check, result.verdict is not Verdict.UNKNOWN
    down = result.verdict is Verdict.DOWN
    return {
        "monitor.id": check.id,
        "monitor.name": check.title or check.id,
        "monitor.type": check.kind,
        "monitor.status": ("down" if down else "up") if known else None,
        "monitor.check_group": result.run_id,
        "monitor.ip": result.observation.facts.get("remote_address"),
        "monitor.duration.us": _us(result.duration_s),
        "summary.up": int(not down) if known else None,
        "summary.down": int(down) if known else None,
    }


def _target(result: Result) -> Mapping[str, Any]:
    seen = result.observation
    leaf = seen.certificates[0] if seen.certificates else None
    return {
        **_url(result.check.target),
        **{name: _us(seen.phases.get(phase)) for name, phase in _RTT.items()},
        "http.rtt.total.us": _us(seen.phases.get("total")) if "status" in seen.facts else None,
        "http.response.status_code": seen.facts.get("status"),
        "http.response.body.bytes": seen.facts.get("body_bytes"),
        "http.version": seen.facts.get("http_version"),
        "tls.version": seen.facts.get("tls_version"),
        "tls.cipher": seen.facts.get("tls_cipher"),
        **(_certificate(leaf) if leaf else {}),
    }


def _url(target: str) -> Mapping[str, Any]:
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:  # journeys and addresses are targets too
        return {}
    if not parts.hostname:
        return {}
    return {
        "url.full": target[:LONGEST_URL],
        "url.scheme": parts.scheme,
        "url.domain": parts.hostname,
        "url.path": parts.path[:LONGEST_URL],
        "url.port": port,
    }


def _certificate(leaf: Certificate) -> Mapping[str, Any]:
    return {
        "tls.server.x509.subject.distinguished_name": leaf.subject,
        "tls.server.x509.issuer.distinguished_name": leaf.issuer,
        "tls.server.x509.not_before": iso(leaf.not_before),
        "tls.server.x509.not_after": iso(leaf.not_after),
    }


def _journey(result: Result) -> Mapping[str, Any]:
    steps = result.observation.steps
    if not steps:
        return {}
    return {
        "synthetics.type": "journey",
        "synthetics.journey.id": result.check.id,
        "synthetics.journey.name": result.check.title or result.check.id,
        "synthetics.step.name": [step.name for step in steps],
        "synthetics.step.status": ["failed" if step.verdict is Verdict.DOWN else "succeeded" for step in steps],
        "synthetics.step.duration.us": [_us(step.duration_s) or 0 for step in steps],
        **_vitals(steps),
    }


def _vitals(steps: Iterable[Step]) -> Mapping[str, Any]:
    """The worst of each over all that the journey showed."""
    navigations = [navigation for step in steps for navigation in step.navigations]
    worst = {
        f"browser.experience.{name}.us": _us(_most(getattr(one, f"{name}_s") for one in navigations))
        for name in _VITALS_S
    }
    return {**worst, "browser.experience.cls": _most(one.cls for one in navigations)}


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None and math.isfinite(value)), default=None)


def _us(seconds: float | None) -> int | None:
    return None if seconds is None else _whole(seconds * 1e6)


def _whole(value: float) -> int | None:
    return round(value) if math.isfinite(value) else None
