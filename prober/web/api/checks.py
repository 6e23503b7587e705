"""What is checked: how it is configured, how it stands, what its latest run said. Asks no store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from starlette.exceptions import HTTPException

from prober.model import Check, Identifier, Reason, Verdict
from prober.web.api.models import WHOLE, Json, Query, Shown, Stamp, shown_moment
from prober.web.api.operation import Answer, Call, Operation
from prober.web.auth import Scope
from prober.web.pages.config import masked
from prober.web.view import Row

MOST = 1_000


class LatestRun(Shown):
    """The latest run of a check in this prober's region."""

    run_id: str
    started_at: Stamp | None
    duration_s: float | None
    verdict: Verdict | None
    reason: Reason | None
    message: str


class CheckShown(Shown):
    """A check, and how it stands in this prober's region."""

    id: str
    title: str
    kind: str
    target: str
    enabled: bool
    tags: tuple[str, ...]
    severity: str
    interval_s: float | None
    """None for one that has a ``schedule``."""
    schedule: str | None
    runbook: str | None
    region: str
    state: Verdict
    since: Stamp | None
    """When the state began."""
    undecided: str
    """How far the latest runs are from changing it, such as ``failing 2 of 3``."""
    regions: Mapping[str, Verdict]
    """What each region last settled on; empty where this one is all there is."""
    maintenance: str
    """The maintenance that it is under now, in words; empty where under none."""
    next_run_at: Stamp | None
    latest: LatestRun | None
    """None before the first run."""
    incidents: tuple[str, ...]
    """The ids of its incidents that are not finished."""


class CheckWhole(CheckShown):
    """A check with its configuration."""

    config: Json
    """As it stands in the configuration, defaults included; secrets are ``***``."""


class Checks(Shown):
    """Some checks, sorted by id."""

    checks: tuple[CheckShown, ...]
    next: str | None
    """What to send as ``after`` for those that follow; null where there are no more."""


class CheckQuery(Query):
    """Which checks."""

    tag: Annotated[tuple[Identifier, ...], Field(max_length=20)] = ()
    """Only those with one of these tags."""
    state: Annotated[tuple[Verdict, ...], Field(max_length=4)] = ()
    """Only those in one of these states."""
    after: Identifier | None = None
    """Only those whose id comes later: what ``next`` of the page before said."""
    limit: Annotated[int, Field(ge=1, le=MOST), WHOLE] = 500
    """So many at most."""


def list_checks(call: Call, query: CheckQuery) -> Answer:
    """Those that are asked for, with what is known of them at the moment."""
    rows = {row.check_id: row for row in call.view.snapshot()}
    wanted = sorted((one for one in call.view.checks() if _fits(one, rows.get(one.id), query)), key=lambda one: one.id)
    page = wanted[: query.limit]
    incidents = _incidents(call)
    shown = tuple(CheckShown(**_values(call, one, rows.get(one.id), incidents)) for one in page)
    return Answer(Checks(checks=shown, next=page[-1].id if len(wanted) > len(page) else None))


def get_check(call: Call) -> Answer:
    """One, with its configuration."""
    check = known_check(call)
    row = call.view.row(check.id)
    return Answer(
        CheckWhole(
            **_values(call, check, row, _incidents(call)),
            config=call.view.masked(masked(check.model_dump(mode="json", by_alias=True))),
        )
    )


def known_check(call: Call) -> Check:
    """The check that the path names, if it is checked here. Raises HTTPException."""
    wanted = call.path["check_id"]
    check = next((one for one in call.view.checks() if one.id == wanted), None)
    if check is None:
        raise HTTPException(404, "There is no such check here.")
    return check


def _fits(check: Check, row: Row | None, query: CheckQuery) -> bool:
    if query.after is not None and check.id <= query.after:
        return False
    if query.tag and set(query.tag).isdisjoint(check.tags):
        return False
    return not query.state or (row.state if row else Verdict.UNKNOWN) in query.state


def _incidents(call: Call) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for incident in call.view.incidents():
        found.setdefault(incident.check_id, []).append(incident.id)
    return found


def _values(call: Call, check: Check, row: Row | None, incidents: Mapping[str, list[str]]) -> dict[str, object]:
    return {
        "id": check.id,
        "title": check.title or "",
        "kind": check.kind,
        "target": check.target,
        "enabled": check.enabled,
        "tags": check.tags,
        "severity": check.severity.value,
        "interval_s": check.interval if check.schedule is None else None,
        "schedule": check.schedule,
        "runbook": check.runbook,
        "region": call.view.region,
        "state": row.state if row else Verdict.UNKNOWN,
        "since": shown_moment(row.since) if row else None,
        "undecided": row.undecided if row else "",
        "regions": dict(row.regions) if row else {},
        "maintenance": row.maintenance if row else "",
        "next_run_at": shown_moment(row.next_run_at) if row else None,
        "latest": _latest(row),
        "incidents": tuple(incidents.get(check.id, ())),
    }


def _latest(row: Row | None) -> LatestRun | None:
    if row is None or row.last_run_at is None:
        return None
    return LatestRun(
        run_id=row.run_id,
        started_at=shown_moment(row.last_run_at),
        duration_s=row.duration_s,
        verdict=row.verdict,
        reason=row.reason,
        message=row.message,
    )


_EXAMPLE = {
    "id": "storefront",
    "title": "",
    "kind": "http",
    "target": "https://shop.example/",
    "enabled": True,
    "tags": ["shop"],
    "severity": "critical",
    "interval_s": 30.0,
    "schedule": None,
    "runbook": "https://wiki.example/storefront",
    "region": "eu-west-1",
    "state": "down",
    "since": "2026-12-24T21:58:30.250Z",
    "undecided": "",
    "regions": {},
    "maintenance": "",
    "next_run_at": "2026-12-24T22:00:30.000Z",
    "latest": {
        "run_id": "9f86d081884c7d65",
        "started_at": "2026-12-24T22:00:00.250Z",
        "duration_s": 0.087,
        "verdict": "down",
        "reason": "status",
        "message": "status: expected 200, got 503",
    },
    "incidents": ["5f2b8c1d9e0a4b7f"],
}

OPERATIONS = (
    Operation(
        "GET",
        "/checks",
        "listChecks",
        "List the checks of this prober, with their state and latest run",
        Scope.READ,
        list_checks,
        Checks,
        query=CheckQuery,
        example={"checks": [_EXAMPLE], "next": None},
        at_hand=True,
    ),
    Operation(
        "GET",
        "/checks/{check_id}",
        "getCheck",
        "One check, with its configuration",
        Scope.READ,
        get_check,
        CheckWhole,
        problems=(404,),
        example={**_EXAMPLE, "config": {"kind": "http", "url": "https://shop.example/", "interval": "30s"}},
        at_hand=True,
    ),
)
