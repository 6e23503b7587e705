"""A result as plain JSON values: what ``prober run --json`` and the sinks give away. Seconds end in ``_s``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from prober.clock import iso
from prober.model import Artifact, Navigation, Result, Step


def encoded(values: Any) -> bytes:
    """``values`` as one line of JSON, without its end; figures that are none are null."""
    try:
        return _dumped(values)
    except TypeError:  # half surrogate pairs and endless numbers, with which no target should make us lose a result
        clean = json.dumps(values, default=str, ensure_ascii=False).encode("utf-8", "replace")
        return _dumped(json.loads(clean, parse_int=_fitting))


def _dumped(values: Any) -> bytes:
    return orjson.dumps(values, default=str, option=orjson.OPT_NON_STR_KEYS)


def _fitting(digits: str) -> float:
    return int(digits) if len(digits) < 19 else float(digits)


def as_json(result: Result) -> dict[str, Any]:
    """One result as plain JSON values."""
    seen = result.observation
    return {
        "check": result.check.id,
        "kind": result.check.kind,
        "target": result.check.target,
        "region": result.region,
        "run_id": result.run_id,
        "verdict": result.verdict.value,
        "reason": result.reason.value,
        "message": result.message,
        "started_at": iso(result.started_at),
        "duration_s": _rounded(seen.duration_s),
        "phases": {name: _rounded(value) for name, value in {**seen.phases, "total": seen.duration_s}.items()},
        "facts": {**seen.facts, **_certificate_facts(result)},
        "steps": [_step(step) for step in seen.steps],
        "measures": [
            {"name": m.name, "value": m.value, "unit": m.unit, "labels": dict(m.labels)} for m in seen.measures
        ],
        "expectations": [
            {
                "expectation": outcome.expectation,
                "verdict": outcome.verdict.value,
                "expected": outcome.expected,
                "seen": outcome.seen,
            }
            for outcome in result.outcomes
        ],
        "artifacts": [_artifact(artifact) for artifact in seen.artifacts],
        "stalled_s": _rounded(seen.stalled_s),
    }


def _artifact(artifact: Artifact) -> dict[str, str]:
    told = {"kind": artifact.kind, "path": artifact.path, "id": artifact.id}
    return told | {"url": artifact.url} if artifact.url else told


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _certificate_facts(result: Result) -> Mapping[str, Any]:
    if not result.observation.certificates:
        return {}
    chain = [
        {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "sans": list(certificate.sans),
            "serial": certificate.serial,
            "fingerprint_sha256": certificate.fingerprint_sha256,
            "not_before": iso(certificate.not_before),
            "not_after": iso(certificate.not_after),
        }
        for certificate in result.observation.certificates
    ]
    return {"certificates": chain}


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "verdict": step.verdict.value,
        "duration_s": _rounded(step.duration_s),
        "message": step.message,
        "navigations": [_navigation(navigation) for navigation in step.navigations],
    }


def _navigation(navigation: Navigation) -> dict[str, Any]:
    return {
        "kind": navigation.kind,
        "url": navigation.url,
        "ttfb_s": _rounded(navigation.ttfb_s),
        "fp_s": _rounded(navigation.fp_s),
        "fcp_s": _rounded(navigation.fcp_s),
        "lcp_s": _rounded(navigation.lcp_s),
        "lcp_element": navigation.lcp_element,
        "cls": _rounded(navigation.cls),
        "inp_s": _rounded(navigation.inp_s),
        "tbt_s": _rounded(navigation.tbt_s),
        "timings": {name: _rounded(value) for name, value in navigation.timings.items()},
        "final": navigation.final,
        "detail": dict(navigation.detail),
    }
