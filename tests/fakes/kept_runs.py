"""Runs as the store keeps them and what stands beside them, without a browser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fakes.alerts import AT, REGION
from prober.model import Reason, Verdict
from prober.store import StoredResult
from prober.web.runs.evidence import shaped
from prober.web.runs.kept import Kept, Picture

Json = dict[str, Any]


def page(path: str = "/", **changed: Any) -> Json:
    """A navigation as it is stored."""
    vitals = {"ttfb_s": 0.1, "fp_s": 0.2, "fcp_s": 0.3, "lcp_s": 0.9, "cls": 0.01, "inp_s": None, "tbt_s": 0.0}
    rest = {"lcp_element": "IMG", "timings": {"total_load_time_s": 1.1}, "final": True, "detail": {}}
    return {"kind": "hard", "url": f"https://shop.example{path}", **vitals, **rest, **changed}


def step(name: str, duration_s: float = 0.5, verdict: str = "up", message: str = "", *pages: Json) -> Json:
    """A step as it is stored."""
    return {"name": name, "verdict": verdict, "duration_s": duration_s, "message": message, "navigations": list(pages)}


def asked(path: str, began_s: float = 0.1, status: int | None = 200, **changed: Any) -> Json:
    """A request as evidence.json has it."""
    row = {"method": "GET", "url": f"https://shop.example{path}", "type": "fetch", "step": 0, "status": status}
    rest = {"began_s": began_s, "duration_s": 0.1, "phases": {"wait": 0.1}, "bytes": 100, "cached": False}
    return {**row, **rest, **changed}


def said(text: str, at_s: float = 0.2, kind: str = "error") -> Json:
    """A console line as evidence.json has it."""
    return {"type": kind, "text": text, "at_s": at_s, "url": "", "line": 1}


def run(
    run_id: str,
    steps: Iterable[Json] = (),
    *,
    verdict: Verdict = Verdict.UP,
    evidence: Json | None = None,
    pictures: tuple[Picture, ...] = (),
    message: str = "",
    **payload: Any,
) -> Kept:
    """A run and what is kept of it; evidence.json has the steps by itself."""
    listed = list(steps)
    began, rows = 0.0, []
    for one in listed:
        rows.append({"name": one["name"], "began_s": began, "duration_s": one["duration_s"]})
        began += one["duration_s"]
    result = StoredResult(
        "purchase",
        REGION,
        run_id,
        AT,
        began or 0.5,
        verdict,
        Reason.OK if verdict is Verdict.UP else Reason.STEP,
        message,
        {"steps": listed, **payload},
    )
    return Kept(result, shaped({"steps": rows, **evidence}) if evidence is not None else {}, pictures)
