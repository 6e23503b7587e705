"""Runs: what was seen in the past, and running a check now."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from concurrent.futures import CancelledError
from typing import Annotated, Any

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from prober.faults import Retryable, UserFault
from prober.history import Query as Wanted
from prober.model import Identifier, Reason, Verdict
from prober.store import StoredResult
from prober.web.api.between import Between
from prober.web.api.checks import known_check
from prober.web.api.models import WHOLE, Json, Query, Shown, Stamp, Wait, shown_moment
from prober.web.api.operation import Answer, Call, Operation
from prober.web.auth import Scope
from prober.web.view import Asked

MOST = 500
LOOK_S = 0.02
Cursor = Annotated[str, Field(pattern="^[0-9]{1,18}$")]


class RunShown(Shown):
    """A run, as far as a list shows it."""

    run_id: str
    check_id: str
    region: str
    started_at: Stamp | None
    duration_s: float
    verdict: Verdict
    reason: Reason
    message: str
    phases: Mapping[str, float | None]
    """Seconds by phase, in the order they come."""
    runs: int
    """How many runs it stands for: itself, and uneventful ones before it that were not kept (``store.thin``)."""


class Seen(Shown):
    """One expectation, and what was seen."""

    expectation: str
    verdict: str
    reason: str
    expected: str
    seen: str


class Evidence(Shown):
    """A file that explains the run; its bytes are at ``/artifacts/{id}``, where they were kept here."""

    kind: str
    id: str
    url: str


class RunWhole(RunShown):
    """A run with all that was kept of it."""

    outcomes: tuple[Seen, ...]
    facts: Json
    steps: tuple[Json, ...]
    """Of a journey, with the vitals of each page."""
    measures: tuple[Json, ...]
    artifacts: tuple[Evidence, ...]
    cut: bool
    """Whether more was seen than is kept."""


class Runs(Shown):
    """Some runs, newest first."""

    results: tuple[RunShown, ...]
    next: str | None
    """What to send as ``cursor`` for those that follow; null where there are no more."""


class Pending(Shown):
    """A run that was asked for and is not over."""

    run_id: str
    check_id: str
    status: Annotated[str, Field(pattern="^pending$")] = "pending"


class RunQuery(Between):
    """Which runs."""

    region: Identifier | None = None
    """Only those of this region."""
    verdict: Annotated[tuple[Verdict, ...], Field(max_length=4)] = ()
    """Only those with one of these verdicts."""
    cursor: Cursor | None = None
    """What ``next`` of the page before said."""
    limit: Annotated[int, Field(ge=1, le=MOST), WHOLE] = 50
    """So many at most."""


class NowQuery(Query):
    """How to run it."""

    wait: Wait | None = None
    """Wait so long for the result, such as ``30s``; else, and where that is not enough, the answer is 202."""


def list_results(call: Call, query: RunQuery) -> Answer:
    """A page of the results of one check."""
    check_id = call.path["check_id"]
    require_known(call)
    page = call.history.results(
        Wanted(
            check_id,
            query.region,
            tuple(verdict.value for verdict in query.verdict),
            query.since,
            query.until,
            int(query.cursor) if query.cursor is not None else None,
            query.limit,
        )
    )
    shown = tuple(RunShown(**_brief(result)) for result in page.results)
    return Answer(Runs(results=shown, next=None if page.next is None else str(page.next)))


def get_run(call: Call) -> Answer:
    """One run: from the store, or on its way there."""
    run_id = call.path["run_id"]
    asked = call.actions.asked(run_id) if call.view.actions is not None else None
    if asked is not None and asked.result is not None:
        return Answer(whole_run(asked.result))
    if asked is not None and not asked.lost:
        return _pending(call, asked)
    result = call.history.run(run_id)
    if result is None:
        raise HTTPException(404, f"The run came to nothing: {asked.lost}." if asked else "There is no such run.")
    return Answer(whole_run(result))


async def run_now(call: Call, query: NowQuery) -> Answer:
    """Have a check run, and wait for it if that is asked for."""
    check, run_id = known_check(call), secrets.token_hex(8)
    try:
        over = asyncio.wrap_future(await run_in_threadpool(call.actions.run_now, check.id, run_id))
        asked = await _begun(call, run_id, over)
        if query.wait is not None:
            await asyncio.wait({over}, timeout=query.wait)
            asked = await run_in_threadpool(call.actions.asked, run_id)
        if over.done():
            over.result()
    except UserFault as fault:
        raise HTTPException(409, f"{fault}.") from None
    except (CancelledError, asyncio.CancelledError):
        raise Retryable("the prober is stopping") from None
    if asked is not None and asked.result is not None:
        return Answer(whole_run(asked.result), headers={"Location": _location(run_id)})
    return _pending(call, asked or Asked(run_id, check.id))


async def _begun(call: Call, run_id: str, over: asyncio.Future[str]) -> Asked | None:
    """Wait until it is known that it will run: where the web is a process of its own, a refusal comes by the future."""
    while True:
        asked = await run_in_threadpool(call.actions.asked, run_id)
        if asked is not None or over.done():
            return asked
        await asyncio.wait({over}, timeout=LOOK_S)


def require_known(call: Call) -> None:
    """Go on only with a check that is checked here, or of which something was kept. Raises HTTPException."""
    check_id = call.path["check_id"]
    if all(check.id != check_id for check in call.view.checks()) and not call.history.regions(check_id):
        raise HTTPException(404, "There is no such check, and nothing was kept of one.")


def whole_run(result: StoredResult) -> RunWhole:
    """All of a run."""
    kept = result.payload
    return RunWhole(
        **_brief(result),
        outcomes=tuple(
            Seen(**{name: str(one.get(name) or "") for name in Seen.model_fields}) for one in kept.get("outcomes", ())
        ),
        facts=kept.get("facts", {}),
        steps=tuple(kept.get("steps", ())),
        measures=tuple(kept.get("measures", ())),
        # Not the whole of it: where a file lies is nobody's business.
        artifacts=tuple(
            Evidence(**{name: str(one.get(name) or "") for name in Evidence.model_fields})
            for one in kept.get("artifacts", ())
        ),
        cut=bool(kept.get("cut")),
    )


def _brief(result: StoredResult) -> dict[str, Any]:
    return {
        "run_id": result.run_id,
        "check_id": result.check_id,
        "region": result.region,
        "started_at": shown_moment(result.started_at),
        "duration_s": result.duration_s,
        "verdict": result.verdict,
        "reason": result.reason,
        "message": result.message,
        "phases": result.payload.get("phases", {}),
        "runs": result.runs,
    }


def _pending(call: Call, asked: Asked) -> Answer:
    headers = {"Location": _location(asked.run_id), "Retry-After": "1"}
    return Answer(Pending(run_id=asked.run_id, check_id=asked.check_id), 202, headers)


def _location(run_id: str) -> str:
    return f"/api/v1/runs/{run_id}"


_EXAMPLE = {
    "run_id": "9f86d081884c7d65",
    "check_id": "storefront",
    "region": "eu-west-1",
    "started_at": "2026-12-24T22:00:00.250Z",
    "duration_s": 0.087,
    "verdict": "down",
    "reason": "status",
    "message": "status: expected 200, got 503",
    "phases": {"resolve": 0.001, "connect": 0.012, "tls": 0.021, "processing": 0.05, "transfer": 0.003, "total": 0.087},
    "runs": 1,
}
_WHOLE = {
    **_EXAMPLE,
    "outcomes": [
        {"expectation": "status", "verdict": "down", "reason": "status", "expected": "200", "seen": "503"},
    ],
    "facts": {"status": 503, "http_version": "2"},
    "steps": [],
    "measures": [],
    "artifacts": [],
    "cut": False,
}

OPERATIONS = (
    Operation(
        "GET",
        "/checks/{check_id}/results",
        "listResults",
        "The results of a check, newest first",
        Scope.READ,
        list_results,
        Runs,
        query=RunQuery,
        problems=(404,),
        example={"results": [_EXAMPLE], "next": "48211"},
    ),
    Operation(
        "POST",
        "/checks/{check_id}/runs",
        "runNow",
        "Run a check now, beside its schedule",
        Scope.RUN,
        run_now,
        RunWhole,
        query=NowQuery,
        also={202: ("It will run, at once or after a run that is under way.", Pending)},
        problems=(404, 409),
        headers={"Location": "Where the run is from now on."},
        example=_WHOLE,
    ),
    Operation(
        "GET",
        "/runs/{run_id}",
        "getRun",
        "One run, with all that was kept of it",
        Scope.READ,
        get_run,
        RunWhole,
        also={202: ("It was asked for, and is not over.", Pending)},
        problems=(404,),
        example=_WHOLE,
    ),
)
