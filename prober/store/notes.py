"""What people write down: notes on incidents, and markers of what was done to what is checked."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select

from prober.store import codec, schema
from prober.store.database import Database

NOTE_CHARS = 10_000
MARKERS = 1_000


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about an incident."""

    text: str
    author: str
    at: float


@dataclass(frozen=True, slots=True)
class StoredMarker:
    """Something that was done to what is checked, such as a deploy."""

    id: str
    at: float
    text: str
    tags: tuple[str, ...] = ()
    url: str = ""
    by: str = ""


class Notes(Database):
    """Writing down, and reading it."""

    def add_note(self, incident_id: str, text: str, author: str, at: float) -> bool:
        """Keep a note on an incident; False where there is no such incident."""
        table = schema.incidents.c
        with self._writing() as connection:
            if connection.execute(select(table.id).where(table.id == incident_id)).first() is None:
                return False
            row = {"incident_id": incident_id, "text": codec.text(text[:NOTE_CHARS]), "author": codec.text(author)}
            schema.insert(connection, schema.notes, [{**row, "at": at}])
            return True

    def notes(self, incident_id: str) -> tuple[Note, ...]:
        """What was written about an incident, oldest first."""
        return tuple(map(note, self._read(notes_of(incident_id))))

    def add_marker(
        self, marker_id: str, at: float, text: str, tags: Collection[str] = (), url: str = "", by: str = ""
    ) -> None:
        """Keep a marker; it replaces the one of its id."""
        payload = json.dumps({"text": text, "tags": list(tags), "url": url, "by": by})
        row = {"id": codec.text(marker_id), "at": at, "payload": payload}
        with self._writing() as connection:
            schema.upsert(connection, schema.markers, [row])

    def markers(self, since: float, until: float, limit: int = MARKERS) -> tuple[StoredMarker, ...]:
        """Those from ``since`` until ``until``, oldest first; the latest ones where there are more than ``limit``."""
        table = schema.markers.c
        query = select(schema.markers).where(table.at >= since, table.at < until).order_by(table.at.desc()).limit(limit)
        return tuple(_marker(row.id, row.at, json.loads(row.payload)) for row in reversed(self._read(query)))


def notes_of(incident_id: str) -> Select[Any]:
    """The notes on an incident, oldest first."""
    table = schema.notes.c
    return select(schema.notes).where(table.incident_id == incident_id).order_by(table.at, table.seq)


def note(row: Row[Any]) -> Note:
    """A note from its row."""
    return Note(row.text, row.author, row.at)


def _marker(identity: str, at: float, rest: dict[str, object]) -> StoredMarker:
    tags = rest.get("tags")
    named = tuple(str(tag) for tag in tags) if isinstance(tags, list) else ()
    text, url, by = (str(rest.get(name, "")) for name in ("text", "url", "by"))
    return StoredMarker(identity, at, text, named, url, by)
