"""Incidents: what was told, what happened in each, and what people do about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.exceptions import HTTPException

from prober.history import Event
from prober.history import IncidentQuery as Wanted
from prober.model import Condition, Identifier, Incident, Reason
from prober.web.api.between import Between
from prober.web.api.models import WHOLE, Given, Line, Lines, Shown, Stamp, shown_moment
from prober.web.api.operation import Answer, Call, Operation
from prober.web.auth import Scope

MOST = 200
MOST_EVENTS = 500
_NAME = r"[A-Za-z0-9._-]{1,100}"
Cursor = Annotated[str, Field(pattern=rf"^[0-9]{{1,12}}(\.[0-9]{{1,9}})?~{_NAME}$")]
"""When the last one seen was opened, and its id."""


class IncidentShown(Shown):
    """One thing that people are to know of a check."""

    id: str
    check_id: str
    """The check, or what else it is about: ``prober``, or a region that fell silent."""
    title: str
    region: str
    """Whose view it is; empty where several regions decide together."""
    condition: Condition
    state: Literal["open", "closed"]
    severity: str
    reason: Reason
    message: str
    opened_at: Stamp | None
    closed_at: Stamp | None
    told_at: Stamp | None
    """When people were first told; null while it is held back."""
    held: str
    """Why nothing is told at the moment; empty while it may be."""
    channels: tuple[str, ...]
    """Those that were told."""
    acked_at: Stamp | None
    acked_by: str
    flapping: bool
    led_by: str
    """The incident with which it was told; empty where it was told alone."""


class EventShown(Shown):
    """One line of what happened in an incident."""

    at: Stamp | None
    kind: str
    """failed, confirmed, opened, told, acked, silenced, note, recovered, closed, and others."""
    text: str
    ok: bool
    """Whether it went well: a notice that was not delivered did not."""


class IncidentWhole(IncidentShown):
    """An incident with all that happened in it."""

    timeline: tuple[EventShown, ...]
    """Oldest first; of very many the latest."""


class Incidents(Shown):
    """Some incidents, newest first."""

    incidents: tuple[IncidentShown, ...]
    next: str | None
    """What to send as ``cursor`` for those that follow; null where there are no more."""


class IncidentQuery(Between):
    """Which incidents."""

    check: Identifier | None = None
    """Only those of this check."""
    state: Literal["open", "closed"] | None = None
    """Only those that last, or only those that are over."""
    condition: Condition | None = None
    """Only those of this condition."""
    cursor: Cursor | None = None
    """What ``next`` of the page before said."""
    limit: Annotated[int, Field(ge=1, le=MOST), WHOLE] = 50
    """So many at most."""


class AckGiven(Given):
    """Who acknowledges."""

    by: Line | None = None
    """On whose behalf; else who the request comes from."""


class NoteGiven(Given):
    """Something to write down."""

    text: Lines
    by: Line | None = None
    """On whose behalf; else who the request comes from."""


class NoteShown(Shown):
    """What was written down."""

    incident_id: str
    text: str
    by: str
    at: Stamp | None


def list_incidents(call: Call, query: IncidentQuery) -> Answer:
    """A page of those that are asked for."""
    opened_at, _, incident_id = (query.cursor or "").partition("~")
    wanted = Wanted(
        check_id=query.check,
        closed=None if query.state is None else query.state == "closed",
        condition=query.condition,
        since=query.since,
        until=query.until,
        before=(float(opened_at), incident_id) if incident_id else None,
        limit=query.limit + 1,
    )
    found = call.history.incident_page(wanted)
    page = found[: query.limit]
    more = f"{page[-1].opened_at!r}~{page[-1].id}" if len(found) > len(page) else None
    return Answer(Incidents(incidents=tuple(IncidentShown(**_values(one)) for one in page), next=more))


def get_incident(call: Call) -> Answer:
    """One, with its timeline."""
    incident = _known(call)
    events = call.history.timeline(incident)[-MOST_EVENTS:]
    return Answer(IncidentWhole(**_values(incident), timeline=tuple(map(_event, events))))


def acknowledge(call: Call, body: AckGiven) -> Answer:
    """Acknowledge it; once more changes nothing."""
    incident_id = _known(call).id
    acked = call.actions.ack(incident_id, call.by(body.by))
    if acked is None:
        raise HTTPException(404, "There is no such incident.")
    return Answer(IncidentShown(**_values(acked)))


def add_note(call: Call, body: NoteGiven) -> Answer:
    """Write something down about it."""
    incident_id, by, at = _known(call).id, call.by(body.by), call.view.clock.wall()
    if not call.actions.note(incident_id, body.text, by):
        raise HTTPException(404, "There is no such incident.")
    return Answer(NoteShown(incident_id=incident_id, text=body.text, by=by, at=shown_moment(at)), 201)


def _known(call: Call) -> Incident:
    incident = call.history.incident(call.path["incident_id"])
    if incident is None:
        raise HTTPException(404, "There is no such incident.")
    return incident


def _state(incident: Incident) -> Literal["open", "closed"]:
    return "open" if incident.closed_at is None else "closed"


def _values(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "check_id": incident.check_id,
        "title": incident.notice.title,
        "region": incident.region,
        "condition": incident.condition,
        "state": _state(incident),
        "severity": incident.notice.severity,
        "reason": incident.reason,
        "message": incident.message,
        "opened_at": shown_moment(incident.opened_at),
        "closed_at": shown_moment(incident.closed_at),
        "told_at": shown_moment(incident.told_at),
        "held": incident.held,
        "channels": incident.channels,
        "acked_at": shown_moment(incident.acked_at),
        "acked_by": incident.acked_by,
        "flapping": incident.flapping,
        "led_by": incident.led_by,
    }


def _event(event: Event) -> EventShown:
    return EventShown(at=shown_moment(event.at), kind=event.kind, text=event.text, ok=event.ok)


_EXAMPLE = {
    "id": "5f2b8c1d9e0a4b7f",
    "check_id": "storefront",
    "title": "storefront",
    "region": "eu-west-1",
    "condition": "down",
    "state": "open",
    "severity": "critical",
    "reason": "status",
    "message": "status: expected 200, got 503",
    "opened_at": "2026-12-24T21:58:30.250Z",
    "closed_at": None,
    "told_at": "2026-12-24T21:59:30.500Z",
    "held": "",
    "channels": ["ops"],
    "acked_at": None,
    "acked_by": "",
    "flapping": False,
    "led_by": "",
}
_EVENTS = [
    {"at": "2026-12-24T21:58:30.250Z", "kind": "failed", "text": "status: expected 200, got 503", "ok": True},
    {"at": "2026-12-24T21:59:31.020Z", "kind": "told", "text": "ops was told", "ok": True},
]

OPERATIONS = (
    Operation(
        "GET",
        "/incidents",
        "listIncidents",
        "Incidents that lasted at some time between, newest first",
        Scope.READ,
        list_incidents,
        Incidents,
        query=IncidentQuery,
        example={"incidents": [_EXAMPLE], "next": None},
    ),
    Operation(
        "GET",
        "/incidents/{incident_id}",
        "getIncident",
        "One incident, with all that happened in it",
        Scope.READ,
        get_incident,
        IncidentWhole,
        problems=(404,),
        example={**_EXAMPLE, "timeline": _EVENTS},
    ),
    Operation(
        "POST",
        "/incidents/{incident_id}/ack",
        "acknowledgeIncident",
        "Acknowledge an incident: somebody is on it, and reminders and escalation end",
        Scope.ACK,
        acknowledge,
        IncidentShown,
        body=AckGiven,
        bare=True,
        problems=(404,),
        example={**_EXAMPLE, "acked_at": "2026-12-24T22:01:00.000Z", "acked_by": "Ada"},
        sent={"by": "Ada"},
    ),
    Operation(
        "POST",
        "/incidents/{incident_id}/notes",
        "addNote",
        "Write something down about an incident",
        Scope.ACK,
        add_note,
        NoteShown,
        body=NoteGiven,
        status=201,
        problems=(404,),
        example={
            "incident_id": "5f2b8c1d9e0a4b7f",
            "text": "The new release is being taken back.",
            "by": "Ada",
            "at": "2026-12-24T22:02:00.000Z",
        },
        sent={"text": "The new release is being taken back.", "by": "Ada"},
    ),
)
