"""Incidents and notices that were written here while the real store was away, and move over once it is back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, select, update

from prober.store import schema
from prober.store.spool import Spool

MOVER = "moving"
LEASE_S = 60.0

_box, _incidents = schema.outbox, schema.incidents
_NOT_MOVED = ("seq", "owner", "leased_until")


@dataclass(frozen=True, slots=True)
class Cargo:
    """Rows on their way, as plain values."""

    incidents: tuple[Mapping[str, Any], ...] = ()
    notices: tuple[Mapping[str, Any], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.incidents)


class Moving(Spool):
    """Both ends of the way. What is on it is sent by nobody; what arrives twice is there once."""

    def pack(self) -> Cargo:
        """What is to move: incidents with something left to tell, and all that was and is to be said of them.

        One that is being told of at this moment stays until that is done.
        """
        now = self._now()
        waiting = select(_box.c.incident_id).where(_box.c.status == schema.PENDING)
        held = waiting.where(_box.c.leased_until > now, _box.c.owner != MOVER)
        wanted = or_(schema.unfinished, _incidents.c.id.in_(waiting))
        with self._writing() as connection:
            query = select(_incidents).where(wanted, _incidents.c.id.not_in(held))
            incidents = tuple(dict(row._mapping) for row in connection.execute(query))
            ids = [row["id"] for row in incidents]
            ours = (_box.c.incident_id.in_(ids), _box.c.status == schema.PENDING)
            connection.execute(update(_box).where(*ours).values(owner=MOVER, leased_until=now + LEASE_S))
            notices = connection.execute(select(_box).where(_box.c.incident_id.in_(ids)).order_by(_box.c.seq))
            return Cargo(incidents, tuple(dict(row._mapping) for row in notices))

    def unpack(self, cargo: Cargo) -> Cargo:
        """Take over what another store packed; what of it is here now.

        An incident whose like is not finished here has to wait for the end of that one, and holds nothing else up.
        """
        with self._writing() as connection:
            schema.insert_new(connection, _incidents, list(cargo.incidents))
            these = schema.among(connection, _incidents.c.id, [row["id"] for row in cargo.incidents])
            here = set(connection.execute(select(_incidents.c.id).where(these)).scalars())
            arrived = Cargo(
                tuple(row for row in cargo.incidents if row["id"] in here),
                tuple(row for row in cargo.notices if row["incident_id"] in here),
            )
            notices = [{k: v for k, v in row.items() if k not in _NOT_MOVED} for row in arrived.notices]
            schema.insert_new(connection, _box, notices, ("id",))
            return arrived

    def let_go(self, cargo: Cargo) -> None:
        """Drop here what was unpacked there, and let what was not be told from here."""
        ids = [row["id"] for row in cargo.incidents]
        with self._writing() as connection:
            connection.execute(delete(_box).where(_box.c.incident_id.in_(ids)))
            connection.execute(delete(_incidents).where(_incidents.c.id.in_(ids)))
            left = update(_box).where(_box.c.status == schema.PENDING, _box.c.owner == MOVER)
            connection.execute(left.values(owner="", leased_until=0.0))

    def remember(self, key: str, value: Any) -> None:
        """Keep a plain value under ``key``."""
        with self._writing() as connection:
            schema.upsert(connection, schema.meta, [{"key": f"note:{key}", "value": json.dumps(value)}])

    def recall(self, key: str) -> Any:
        """What was kept under ``key``; None where nothing was."""
        rows = self._read(select(schema.meta.c.value).where(schema.meta.c.key == f"note:{key}"))
        return json.loads(rows[0].value) if rows else None
