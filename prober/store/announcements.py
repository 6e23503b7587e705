"""What people announce on status pages, and what they say of it as it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, func, or_, select

from prober.store import codec, schema
from prober.store.database import Database

MOST_SHOWN = 200
MOST_KEPT = 5_000
"""Of one page; so many are announced by machines that go wrong."""
MOST_UPDATES = 100
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError)


class Announced(StrEnum):
    """What an announcement is about."""

    OUTAGE = "outage"
    WARNING = "warning"
    INFORMATION = "information"
    MAINTENANCE = "maintenance"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Update:
    """What was said of it later."""

    at: float
    state: str
    """Such as Investigating, Identified, Monitoring, Resolved."""
    text: str
    """Markdown."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something that people are told on a status page. Texts are Markdown, and public."""

    id: str
    page: str
    title: str
    kind: Announced
    starts_at: float
    ends_at: float | None = None
    """None while it goes on."""
    text: str = ""
    components: tuple[str, ...] = ()
    """The public ids of what it concerns; the whole page where empty."""
    updates: tuple[Update, ...] = ()
    """Oldest first."""
    about: str = ""
    """The public id of the incident that it adds to; such a one is not shown by itself."""
    changed_at: float = 0.0


class Announcements(Database):
    """Writing announcements and reading them."""

    def announce(self, announcement: Announcement) -> None:
        """Keep it; one of its id is replaced. Of too many the oldest go."""
        table = schema.announcements
        with self._writing() as connection:
            schema.upsert(connection, table, [_row(announcement)])
            count = connection.execute(select(func.count()).where(table.c.page == announcement.page)).scalar_one()
            if count > MOST_KEPT:
                oldest = select(table.c.id).where(table.c.page == announcement.page)
                oldest = oldest.order_by(table.c.changed_at).limit(count - MOST_KEPT)
                connection.execute(delete(table).where(table.c.id.in_(oldest)))

    def add_update(self, page: str, announcement_id: str, update: Update, ends_at: float | None) -> Announcement | None:
        """The announcement with ``update``, over if there is an ``ends_at``; None where there is none of this id."""
        table = schema.announcements
        with self._writing() as connection:
            query = select(table).where(table.c.page == page, table.c.id == announcement_id).with_for_update()
            known = next(_announcements(connection.execute(query).all()), None)
            if known is None:
                return None
            changed = replace(
                known,
                updates=(*known.updates, update)[-MOST_UPDATES:],
                ends_at=known.ends_at if ends_at is None else ends_at,
                changed_at=update.at,
            )
            schema.upsert(connection, table, [_row(changed)])
            return changed

    def withdraw(self, page: str, announcement_id: str) -> bool:
        """Drop it; False where there is none."""
        table = schema.announcements
        with self._writing() as connection:
            gone = delete(table).where(table.c.page == page, table.c.id == announcement_id)
            return connection.execute(gone).rowcount > 0

    def announcements(self, page: str, since: float) -> tuple[Announcement, ...]:
        """Those of ``page`` that began or changed after ``since``, newest first; one that is damaged is left out."""
        table = schema.announcements
        query = select(table).where(table.c.page == page, or_(table.c.starts_at > since, table.c.changed_at > since))
        query = query.order_by(table.c.starts_at.desc(), table.c.id).limit(MOST_SHOWN)
        return tuple(_announcements(self._read(query)))


def _row(announcement: Announcement) -> dict[str, Any]:
    rest = codec.plain(announcement)
    return {
        "id": announcement.id,
        "page": announcement.page,
        "payload": codec.text(json.dumps(rest)),
        "starts_at": announcement.starts_at,
        "changed_at": announcement.changed_at,
    }


def _announcements(rows: list[Row[Any]] | Any) -> Iterator[Announcement]:
    for row in rows:
        with suppress(*_DAMAGE):
            rest = json.loads(row.payload)
            updates = tuple(Update(float(one["at"]), one["state"], one["text"]) for one in rest["updates"])
            yield Announcement(
                row.id,
                row.page,
                rest["title"],
                codec.word(Announced, rest["kind"], Announced.INFORMATION),
                row.starts_at,
                rest["ends_at"],
                rest["text"],
                tuple(rest["components"]),
                updates,
                rest["about"],
                row.changed_at,
            )
