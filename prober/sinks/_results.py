"""Results as plain JSON values: the contract of ``prober run --json``, and of sinks that send events.

Seconds end in ``_s``; null is "not measured", never 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from prober.clock import iso
from prober.model import Artifact, Navigation, Result, Step

# What a result may do without where it is too long, in this order.
_SPARED = ("steps", "facts", "expectations", "measures", "artifacts")
_LONGEST_TEXT = 10_000


def encoded(result: Result, longest_bytes: int) -> bytes:
    """``result`` as one line of JSON of at most ``longest_bytes``; what was left out for that is named in ``cut``."""
    document = as_json(result)
    line = _encode(document)
    for name in _SPARED:
        if len(line) <= longest_bytes:
            return line
        document["cut"] = [*document.get("cut", ()), name]
        del document[name]
        line = _encode(document)
    if len(line) <= longest_bytes:
        return line
    texts = {name: text[:_LONGEST_TEXT] for name, text in document.items() if isinstance(text, str)}
    return _encode({**texts, "cut": [*_SPARED, "message"]})


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:  # whole numbers of more than 64 bits, half a surrogate pair
        return json.dumps(document, default=str).encode()


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
