"""``/runs/{id}``: one run, or with ``?against=`` two of them side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prober import panels
from prober.history import History
from prober.model import Check
from prober.web.artifacts import SANDBOX
from prober.web.auth import Scope, needs
from prober.web.pages import Pages
from prober.web.runs.asking import AT_ONCE, asked
from prober.web.runs.compare import VITALS, compare
from prober.web.runs.kept import Kept, frame, kept
from prober.web.runs.requests import requests_of
from prober.web.runs.words import REASONS
from prober.web.view import View

LAST_GOOD = "last-good"
FRAME_HEADERS = {"content-security-policy": SANDBOX, "content-disposition": "inline"}


def run_routes(view: View, pages: Pages) -> Sequence[Route]:
    """The pages of runs, and the single pictures of their filmstrips."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def run(request: Request) -> Response:
        return await asked(request, pages, turns, lambda history: _run(request, view, pages, history))

    async def picture(request: Request) -> Response:
        async with turns:
            return await run_in_threadpool(_picture, view, request)

    return (
        Route("/runs/{run_id}", needs(Scope.READ, run)),
        Route("/artifacts/{identity}/{number:int}", needs(Scope.READ, picture)),
    )


def _run(request: Request, view: View, pages: Pages, history: History) -> Response:
    run_id, against = request.path_params["run_id"], request.query_params.get("against", "")
    result = history.run(run_id)
    if result is None:
        text = "No run of this id is kept: it never was, or it is older than what raw results are kept for."
        return pages.page(request, "runs/nothing.html", status=404, title="There is no such run", text=text)
    here, check = kept(result, view.artifact), _check(view, result.check_id)
    if not against:
        return pages.page(request, "runs/run.html", **_shown(here, check, request.query_params.get("requests", "")))
    other = history.last_good(result) if against == LAST_GOOD else history.run(against)
    if other is None or other.run_id == result.run_id or other.check_id != result.check_id:
        text = (
            "No good run of this check in this region is kept from before it."
            if against == LAST_GOOD
            else "Only two different runs of the same check can be held against each other, while both are kept."
        )
        return pages.page(
            request, "runs/nothing.html", status=404, title="There is nothing to compare with", text=text, back=run_id
        )
    return pages.page(request, "runs/compare.html", **_compared(kept(other, view.artifact), here, check))


def _shown(run: Kept, check: Check | None, requests: str) -> dict[str, Any]:
    """What ``run.html`` needs."""
    told, evidence = run.told, run.evidence
    return {
        **_named(run, check),
        "outcomes": sorted(told["outcomes"], key=lambda one: one["verdict"] == "up"),
        "phases": panels.phases(told),
        "steps": panels.steps(told, evidence),
        "vitals": VITALS,
        "limits": _limits(),
        "measures": told["measures"],
        "calls": panels.calls(told),
        "requests": requests_of(evidence, requests),
        "trouble": panels.trouble(evidence),
        "redirects": told["facts"].get("redirect_chain", ()),
        "certificate": panels.certificate(told),
        "attempts": told["facts"].get("attempts", ()),
        "facts": panels.bare_facts(told),
        "pictures": {one.step: one for one in run.pictures},
        "frames": run.frames,
        "files": run.files,
        "cut": bool(run.result.payload.get("cut")),
        "kept": bool(evidence),
    }


def _compared(there: Kept, here: Kept, check: Check | None) -> dict[str, Any]:
    """What ``compare.html`` needs."""
    return {
        **_named(here, check),
        "other": there.result,
        "both": compare(there, here),
        "vitals": VITALS,
        "limits": _limits(),
    }


def _named(run: Kept, check: Check | None) -> dict[str, Any]:
    return {
        "run": run.result,
        "title": (check.title if check else None) or run.result.check_id,
        "kind": check.kind if check else "",
        "target": check.target if check else "",
        "runbook": check.runbook if check else None,
        "meaning": REASONS[run.result.reason],
    }


def _limits() -> list[dict[str, Any]]:
    """What the field calls good and poor."""
    return [{**panels.rated(name, 0.0), "title": panels.NAMES[name]} for name in VITALS]


def _check(view: View, check_id: str) -> Check | None:
    return next((check for check in view.checks() if check.id == check_id), None)


def _picture(view: View, request: Request) -> Response:
    found = view.artifact(request.path_params["identity"])
    content = frame(found[0], request.path_params["number"]) if found and found[1] == "filmstrip" else None
    if content is None:
        raise HTTPException(404)
    return Response(content, media_type="image/jpeg", headers=FRAME_HEADERS)
