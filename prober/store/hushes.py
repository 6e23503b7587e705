"""What people do to what they are told: acknowledge it, or ask for quiet; and the key that signs their links."""

from __future__ import annotations

import secrets
from dataclasses import replace

from sqlalchemy import select, update

from prober.model import Hush, Incident
from prober.store import codec, schema
from prober.store.decisions import write_incidents
from prober.store.history import History


class Hushes(History):
    """Acknowledging and silencing."""

    def ack(self, incident_id: str, by: str, at: float) -> Incident | None:
        """The incident, acknowledged; as it was where it is acknowledged already or finished. None without one."""
        found = self.incident(incident_id)
        if found is None:
            return None
        with self._writing() as connection:
            query = select(schema.incidents).where(schema.incidents.c.id == found.id).with_for_update()
            row = connection.execute(query).first()
            if row is None:
                return None
            known = codec.incident(row)
            if known.acked_at is not None or known.finished:
                return known
            acked = replace(known, acked_at=at, acked_by=codec.text(by))
            write_incidents(connection, [acked])
            return replace(acked, version=acked.version + 1)

    def add_hush(self, hush: Hush) -> None:
        """Begin ``hush``, or change the one of its id."""
        with self._writing() as connection:
            schema.upsert(connection, schema.hushes, [codec.hush_row(hush)])

    def end_hush(self, hush_id: str, at: float) -> bool:
        """End it at ``at``; False where there is none or it has ended before."""
        table = schema.hushes
        with self._writing() as connection:
            ended = update(table).where(table.c.id == hush_id, table.c.ends_at > at).values(ends_at=at)
            return connection.execute(ended).rowcount > 0

    def hushes(self, now: float) -> tuple[Hush, ...]:
        """Those that have not ended at ``now``, the next to begin last."""
        query = select(schema.hushes).where(schema.hushes.c.ends_at > now).order_by(schema.hushes.c.starts_at)
        return codec.hushes(self._read(query))

    def signing_key(self) -> bytes:
        """32 random bytes, made once and the same for all who share the store."""
        return bytes.fromhex(self._once("signing_key", secrets.token_hex(32)))

    def _once(self, key: str, value: str) -> str:
        """What ``meta`` holds under ``key``; ``value`` from now on where there was nothing."""
        with self._writing() as connection:
            schema.insert_new(connection, schema.meta, [{"key": key, "value": value}], ["key"])
            return self._meta(connection, key) or value
