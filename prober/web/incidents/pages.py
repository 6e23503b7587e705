"""``/incidents`` and ``/incidents/{id}``: what is open, what was, and all that happened in one of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from prober.history import History, IncidentQuery, Query
from prober.model import Check, Condition, Hush, Incident
from prober.store import StoredResult
from prober.web.auth import Scope, needs, who_asks
from prober.web.auth.forms import checked_form
from prober.web.incidents.choices import silences
from prober.web.incidents.deeds import NOTE_CHARS, do
from prober.web.pages import Pages
from prober.web.runs import AT_ONCE, asked
from prober.web.view import View

PER_PAGE = 50
FORM_BYTES = 65_536  # a note in any script, as forms write it
RUNS = 6
"""So many of the first failing runs are shown, and of the latest."""
DECIDING = 100
"""At most so many runs of all regions make an incident."""
BEFORE_S = 1.0
LOOKS = {Condition.DOWN: "down", Condition.PROBER: "unknown"}
"""How a condition looks where it is not just degraded."""
FAILING = ("down", "degraded")


def incident_routes(view: View, pages: Pages) -> Sequence[Route]:
    """The list, and the page of each with its forms."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def listed(request: Request) -> Response:
        return await asked(request, pages, turns, lambda history: _list(request, view, pages, history))

    async def one(request: Request) -> Response:
        return await asked(request, pages, turns, lambda history: _one(request, view, pages, history))

    async def done(request: Request) -> Response:
        form = await checked_form(request, FORM_BYTES)
        return await asked(request, pages, turns, lambda history: _done(request, view, pages, history, form))

    return (
        Route("/incidents", needs(Scope.READ, listed)),
        Route("/incidents/{incident_id}", needs(Scope.READ, one)),
        Route("/incidents/{incident_id}", needs(Scope.ACK, done), methods=["POST"]),
    )


def _list(request: Request, view: View, pages: Pages, history: History) -> Response:
    check_id, before = request.query_params.get("check", ""), _cursor(request.query_params.get("before", ""))
    query = IncidentQuery(check_id or None, closed=True, before=before, limit=PER_PAGE + 1)
    closed = history.incident_page(query)
    open_ones = [one for one in view.incidents() if one.closed_at is None and check_id in ("", one.check_id)]
    last = closed[PER_PAGE - 1] if len(closed) > PER_PAGE else None
    return pages.page(
        request,
        "incidents/list.html",
        check=check_id,
        checks=sorted({check.id for check in view.checks()} | ({check_id} if check_id else set())),
        open=sorted(open_ones, key=lambda one: one.opened_at, reverse=True),
        closed=closed[:PER_PAGE],
        first=before is None,
        older=f"{last.opened_at!r}~{last.id}" if last else None,
        looks=_looks,
    )


def _one(
    request: Request, view: View, pages: Pages, history: History, *, complaint: str = "", status: int = 200
) -> Response:
    incident, now = history.incident(request.path_params["incident_id"]), view.clock.wall()
    if incident is None:
        text = "It never was, or it is over for so long that nothing of it is kept."
        return pages.page(request, "runs/nothing.html", status=404, title="There is no such incident", text=text)
    first, latest = _failing(history, incident, now)
    check = next((check for check in view.checks() if check.id == incident.check_id), None)
    return pages.page(
        request,
        "incidents/one.html",
        status=status,
        incident=incident,
        check=check,
        looks=_looks,
        timeline=history.timeline(incident),
        lasted_s=(now if incident.closed_at is None else incident.closed_at) - incident.opened_at,
        first=first,
        latest=latest,
        others=[member for member in incident.notice.members if member[0] != incident.check_id],
        hushes=_hushed(view, incident, check, now),
        silences={value: words for value, (_, words) in silences(now).items()},
        note_chars=NOTE_CHARS,
        readonly=_readonly(view, request),
        complaint=complaint,
    )


def _done(request: Request, view: View, pages: Pages, history: History, form: dict[str, str]) -> Response:
    incident = history.incident(request.path_params["incident_id"])
    if incident is None or view.actions is None:
        return _one(request, view, pages, history, status=404)
    complaint = do(view.actions, incident, form, by=who_asks(request).name or "somebody", now=view.clock.wall())
    if complaint:
        return _one(request, view, pages, history, complaint=complaint, status=400)
    return RedirectResponse(f"../incidents/{incident.id}", 303)  # so that loading it again does nothing again


def _failing(history: History, incident: Incident, now: float) -> tuple[Sequence[StoredResult], Sequence[StoredResult]]:
    """Its first failing runs, oldest first, and its latest that are not among them, newest first."""
    since, until = incident.opened_at - BEFORE_S, now if incident.closed_at is None else incident.closed_at
    region = incident.region or None

    def asked_for(until: float, limit: int) -> Sequence[StoredResult]:
        return history.results(Query(incident.check_id, region, FAILING, since, until, limit=limit)).results

    decided = asked_for(min(until, max(incident.decided_at, incident.opened_at) + BEFORE_S), DECIDING)
    first = decided[::-1][:RUNS]
    known = {one.run_id for one in first}
    return first, [one for one in asked_for(until, RUNS) if one.run_id not in known]


def _hushed(view: View, incident: Incident, check: Check | None, now: float) -> Sequence[Hush]:
    """The silences and maintenance that keep it quiet now, or will."""
    hushes, tags = view.actions.hushes() if view.actions else (), check.tags if check else ()
    return [one for one in hushes if one.covers(incident.check_id, tags) and now < one.ends_at]


def _readonly(view: View, request: Request) -> str:
    """Why nothing can be done from here; empty where it can."""
    if view.actions is None:
        return "Nothing can be done from here: this page only shows what another prober decides."
    if not who_asks(request).may(Scope.ACK):
        return "You may look. Acknowledging, silencing and notes take somebody with the scope ack."
    return ""


def _looks(incident: Incident) -> str:
    """The state that it is coloured as."""
    return "up" if incident.closed_at is not None else LOOKS.get(incident.condition, "degraded")


def _cursor(text: str) -> tuple[float, str] | None:
    """Where a page goes on: when the last one of the page before was opened, and its id."""
    at, _, incident_id = text.partition("~")
    try:
        opened_at = float(at)
    except ValueError:
        return None
    return (opened_at, incident_id) if math.isfinite(opened_at) and incident_id else None
