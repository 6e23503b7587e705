"""Deploy markers: what was done to what is checked, for the charts."""

from __future__ import annotations

import secrets
from typing import Annotated

from pydantic import Field

from prober.faults import UserFault
from prober.model import Identifier
from prober.web.api.between import Between, stretch
from prober.web.api.models import Given, Line, Link, Moment, Names, Shown, Stamp, shown_moment
from prober.web.api.operation import Answer, Call, Operation
from prober.web.api.problems import Invalid, Mistake
from prober.web.auth import Scope
from prober.web.view import Marker

DAY_S = 86_400.0
USUAL_S = 7 * DAY_S
LONGEST_S = 1_100 * DAY_S
MOST = 1_000


class MarkerShown(Shown):
    """Something that was done to what is checked."""

    id: str
    at: Stamp | None
    text: str
    tags: tuple[str, ...]
    """Of the checks it concerns; all where empty."""
    url: str
    by: str


class Markers(Shown):
    """Markers, oldest first; of more than a thousand the latest."""

    markers: tuple[MarkerShown, ...]


class MarkerGiven(Given):
    """Something that was done to what is checked, such as a deploy."""

    text: Line
    """What was done, such as ``shop 1.4.2``."""
    at: Moment | None = None
    """When; now where it is missing."""
    tags: Names = ()
    """Of the checks it concerns; all where it is missing."""
    url: Link | None = None
    """Where to read on."""
    id: Identifier | None = None
    """A name of one's own: sent again, it replaces what it was. Made up where it is missing."""
    by: Annotated[Line | None, Field()] = None
    """On whose behalf; else who the request comes from."""


def list_markers(call: Call, query: Between) -> Answer:
    """Those of a stretch of time."""
    since, until = stretch(query, call.view.clock.wall(), USUAL_S, LONGEST_S)
    return Answer(Markers(markers=tuple(map(_shown, call.actions.markers(since, until)[-MOST:]))))


def set_marker(call: Call, body: MarkerGiven) -> Answer:
    """Set one."""
    now = call.view.clock.wall()
    at = now if body.at is None else body.at
    if not now - LONGEST_S <= at <= now + DAY_S:
        raise Invalid(
            [Mistake(path="body.at", message="expected a moment of the last three years, or of the next day")]
        )
    marker = Marker(body.id or secrets.token_hex(8), at, body.text, body.tags, body.url or "", call.by(body.by))
    try:
        call.actions.mark(marker)
    except UserFault as fault:
        raise Invalid([Mistake(path="body", message=str(fault))]) from None
    return Answer(_shown(marker), 201)


def _shown(marker: Marker) -> MarkerShown:
    return MarkerShown(
        id=marker.id,
        at=shown_moment(marker.at),
        text=marker.text,
        tags=marker.tags,
        url=marker.url,
        by=marker.by,
    )


_EXAMPLE = {
    "id": "deploy-1841",
    "at": "2026-12-24T21:57:00.000Z",
    "text": "shop 1.4.2",
    "tags": ["shop"],
    "url": "https://ci.example/builds/1841",
    "by": "ci",
}

OPERATIONS = (
    Operation(
        "GET",
        "/markers",
        "listMarkers",
        "Deploy markers between two moments, usually of the last seven days",
        Scope.READ,
        list_markers,
        Markers,
        query=Between,
        example={"markers": [_EXAMPLE]},
    ),
    Operation(
        "POST",
        "/markers",
        "setMarker",
        "Set a deploy marker",
        Scope.INGEST,
        set_marker,
        MarkerShown,
        body=MarkerGiven,
        status=201,
        example=_EXAMPLE,
        sent={"text": "shop 1.4.2", "tags": ["shop"], "url": "https://ci.example/builds/1841", "id": "deploy-1841"},
    ),
)
