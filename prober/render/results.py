"""Results as JSON: the contract of ``prober run --json``. Seconds end in ``_s``; null is "not measured", never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from prober.clock import iso
from prober.model import Artifact, Navigation, Result, Step, Verdict


def exit_code(results: Sequence[Result]) -> int:
    """0 all up or degraded, 1 at least one down, 3 none down but at least one unknown."""
    verdicts = {result.verdict for result in results}
    if Verdict.DOWN in verdicts:
        return 1
    return 3 if Verdict.UNKNOWN in verdicts else 0


def document(results: Sequence[Result], duration_s: float) -> dict[str, Any]:
    """The whole answer of one ``prober run``, ready for ``json.dumps``."""
    counts = Counter(result.verdict for result in results)
    summary = {
        "total": len(results),
        **{verdict.value: counts[verdict] for verdict in Verdict},
        "duration_s": round(duration_s, 6),
        "exit_code": exit_code(results),
    }
    return {"summary": summary, "results": [as_json(result) for result in results]}


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
