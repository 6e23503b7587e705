"""Announcements on public status pages, and what people add to incidents that were found."""

from __future__ import annotations

import secrets
from typing import Annotated

from pydantic import Field
from starlette.exceptions import HTTPException

from prober.model import Identifier
from prober.store import Announced, Announcement, Update
from prober.web.api.models import Given, Line, Lines, Moment, Shown, Stamp, shown_moment
from prober.web.api.operation import Answer, Call, Operation
from prober.web.api.problems import Invalid, Mistake
from prober.web.auth import Scope
from prober.web.status import Offer

DAYS_S = 90 * 86_400.0
ONE = "/status-pages/{page}/announcements"


class UpdateShown(Shown):
    """What was said of it later."""

    at: Stamp | None
    state: str
    """Such as Investigating, Identified, Monitoring, Resolved."""
    text: str
    """Markdown."""


class AnnouncementShown(Shown):
    """Something that people are told on a status page."""

    id: str
    about: str | None
    """The id, on the page, of the incident that it adds to; null where it stands by itself."""
    title: str
    kind: Announced
    starts_at: Stamp | None
    ends_at: Stamp | None
    text: str
    """Markdown."""
    components: tuple[str, ...]
    """The public ids of what it concerns; the whole page where empty."""
    updates: tuple[UpdateShown, ...]
    """Oldest first."""


class AnnouncementsShown(Shown):
    """Those of the last ninety days, newest first, without those of files."""

    items: tuple[AnnouncementShown, ...]


class AnnouncementGiven(Given):
    """What is announced. Everybody may read it."""

    title: Line
    kind: Announced = Announced.INFORMATION
    text: Lines | None = None
    """Markdown."""
    starts_at: Moment | None = None
    """When it began or begins; now where it is missing."""
    ends_at: Moment | None = None
    """When it is over; until an update ends it where it is missing."""
    components: Annotated[tuple[Identifier, ...], Field(strict=False, max_length=100)] = ()
    """The public ids of what it concerns; the whole page where it is missing."""


class UpdateGiven(Given):
    """What is said as it goes on. Everybody may read it."""

    about: Identifier
    """The id of an announcement, or of an incident on the page."""
    state: Annotated[Line, Field(max_length=60)]
    """Such as Investigating, Identified, Monitoring, Resolved."""
    text: Lines | None = None
    """Markdown."""
    ends: bool = False
    """Whether the announcement is over with it; an incident that was found ends when the checks say so."""


def list_announcements(call: Call) -> Answer:
    """Those of one page."""
    offer, page = _asked(call)
    found = offer.store.announcements(page, call.view.clock.wall() - DAYS_S)
    return Answer(AnnouncementsShown(items=tuple(map(_shown, found))))


def announce(call: Call, body: AnnouncementGiven) -> Answer:
    """Announce something."""
    offer, page = _asked(call)
    now = offer.store.now()
    known = {component.key for component in offer.pages[page].all_components()}
    if unknown := [one for one in body.components if one not in known]:
        there = f"there is no {unknown[0]!r}; there are {', '.join(sorted(known))}"
        raise Invalid([Mistake(path="body.components", message=there)])
    starts_at = now if body.starts_at is None else body.starts_at
    if body.ends_at is not None and body.ends_at < starts_at:
        raise Invalid([Mistake(path="body.ends_at", message="it ends before it begins")])
    made = Announcement(
        secrets.token_hex(8),
        page,
        body.title,
        body.kind,
        starts_at,
        body.ends_at,
        body.text or "",
        body.components,
        changed_at=now,
    )
    offer.store.announce(made)
    return Answer(_shown(made), 201)


def add_update(call: Call, body: UpdateGiven) -> Answer:
    """Say what is new of an announcement, or of an incident that was found."""
    offer, page = _asked(call)
    now = offer.store.now()
    update = Update(now, body.state, body.text or "")
    changed = offer.store.add_update(page, body.about, update, now if body.ends else None)
    if changed is None:
        title = _titles(call, offer, page).get(body.about)
        if title is None:
            raise HTTPException(404, "There is no announcement and no incident of this id.")
        if body.ends:
            mistake = "an incident that was found ends when the checks say so"
            raise Invalid([Mistake(path="body.ends", message=mistake)])
        changed = _remark(offer, page, body.about, title, update)
    return Answer(_shown(changed), 201)


def withdraw(call: Call) -> Answer:
    """Take it back."""
    offer, page = _asked(call)
    if not offer.store.withdraw(page, call.path["announcement_id"]):
        raise HTTPException(404, "There is no announcement of this id.")
    return Answer(status=204)


def _asked(call: Call) -> tuple[Offer, str]:
    """What pages are made of, and the name of the one that is asked for."""
    offer, page = call.view.status, call.path["page"]
    if offer is None or page not in offer.pages:
        raise HTTPException(404, "There is no status page of this name.")
    return offer, page


def _titles(call: Call, offer: Offer, page: str) -> dict[str, str]:
    """The titles of the incidents that the page shows as found, by their ids there."""
    from prober.web.status.board import Board

    shown = Board(offer, call.history, call.view.clock).make(page)
    return {one.id: one.title for one in (*shown.current, *shown.past) if one.kind == "incident"}


def _remark(offer: Offer, page: str, incident: str, title: str, update: Update) -> Announcement:
    """The first that is said of an incident makes what the others are added to."""
    identity = f"{page}-{incident}"
    added = offer.store.add_update(page, identity, update, None)
    if added is None:
        added = Announcement(
            identity,
            page,
            title,
            Announced.INFORMATION,
            update.at,
            updates=(update,),
            about=incident,
            changed_at=update.at,
        )
        offer.store.announce(added)
    return added


def _shown(announcement: Announcement) -> AnnouncementShown:
    return AnnouncementShown(
        id=announcement.id,
        about=announcement.about or None,
        title=announcement.title,
        kind=announcement.kind,
        starts_at=shown_moment(announcement.starts_at),
        ends_at=shown_moment(announcement.ends_at),
        text=announcement.text,
        components=announcement.components,
        updates=tuple(
            UpdateShown(at=shown_moment(one.at), state=one.state, text=one.text) for one in announcement.updates
        ),
    )


_EXAMPLE = {
    "id": "c0ffee00c0ffee00",
    "about": None,
    "title": "Some cards are declined",
    "kind": "warning",
    "starts_at": "2026-12-24T22:00:00.000Z",
    "ends_at": None,
    "text": "Bank transfers **work**.",
    "components": ["payments"],
    "updates": [{"at": "2026-12-24T22:05:00.000Z", "state": "Investigating", "text": "We are looking."}],
}

OPERATIONS = (
    Operation(
        "GET",
        ONE,
        "listAnnouncements",
        "What was announced on a public status page",
        Scope.READ,
        list_announcements,
        AnnouncementsShown,
        problems=(404,),
        example={"items": [_EXAMPLE]},
    ),
    Operation(
        "POST",
        ONE,
        "announce",
        "Announce something on a public status page",
        Scope.ACK,
        announce,
        AnnouncementShown,
        body=AnnouncementGiven,
        status=201,
        problems=(404,),
        example=_EXAMPLE,
        sent={"title": "Some cards are declined", "kind": "warning", "components": ["payments"]},
    ),
    Operation(
        "DELETE",
        ONE + "/{announcement_id}",
        "withdrawAnnouncement",
        "Take an announcement back",
        Scope.ACK,
        withdraw,
        status=204,
        problems=(404,),
    ),
    Operation(
        "POST",
        "/status-pages/{page}/updates",
        "addUpdate",
        "Say what is new of an announcement, or of an incident on the page",
        Scope.ACK,
        add_update,
        AnnouncementShown,
        body=UpdateGiven,
        status=201,
        problems=(404,),
        example=_EXAMPLE,
        sent={"about": "c0ffee00c0ffee00", "state": "Investigating", "text": "We are looking."},
    ),
)
