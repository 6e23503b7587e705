"""The one transaction that everything goes into: results and states, what follows from them, and who is told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, tuple_, update

from prober.model import Incident
from prober.pace import paced
from prober.store import codec, schema, snapshot
from prober.store.database import Database
from prober.store.rows import Batch, Decide, Decision, Scope, Snapshot, StoreFault

RUN = ("check_id", "region", "run_id")


class Decisions(Database):
    """Writing, and deciding on what was written."""

    def commit(self, batch: Batch, decide: Decide | None = None, scope: Scope | None = None) -> Decision:
        """Write all of ``batch`` and of what ``decide`` makes of the store with it, or nothing.

        Returns the decision; an empty one without ``decide``, and where the batch had been committed already.
        """
        with self._writing() as connection:
            key = f"batch:{batch.writer}"
            token = select(schema.meta.c.value).where(schema.meta.c.key == key).scalar_subquery()
            now, written = connection.execute(select(self._now(), token)).one()
            # The answer to a COMMIT may be lost on its way; the token tells on the next try that it was done.
            if written == batch.token:
                return Decision()
            _put(connection, batch, now, ahead_s=now - self._wall())
            schema.upsert(connection, schema.meta, [{"key": key, "value": batch.token}])
            return Decision() if decide is None else _decided(connection, decide, scope or Scope(frozenset()), now)

    def look(self, scope: Scope) -> Snapshot:
        """What a decision over ``scope`` would rest on now."""
        with self._reading() as connection:
            now = float(connection.execute(select(self._now())).scalar_one())
            return snapshot.take(connection, scope, now, snapshot.surroundings(connection, now))


def _put(connection: Connection, batch: Batch, now: float, ahead_s: float) -> None:
    runs = [
        codec.result_row(result, batch.stands_for.get(result.run_id, 1), batch.left_out.get(result.run_id))
        for result in paced(batch.results)
    ]
    schema.insert_new(connection, schema.results, runs, RUN)
    schema.insert(connection, schema.transitions, [codec.transition_row(t) for t in batch.transitions])
    schema.upsert(connection, schema.states, [codec.state_row(state, now, ahead_s) for state in paced(batch.states)])
    if batch.forgotten:
        key = tuple_(schema.states.c.check_id, schema.states.c.region)
        connection.execute(delete(schema.states).where(key.in_(batch.forgotten)))


def _decided(connection: Connection, decide: Decide, scope: Scope, now: float) -> Decision:
    # Read before the lock is taken, since a far away region would hold it for longer.
    around = snapshot.surroundings(connection, now)
    connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == schema.DECISION).with_for_update())
    decision = decide(snapshot.take(connection, scope, now, around))
    if decision:
        _write(connection, decision, scope.region or "")
    return decision


def _write(connection: Connection, decision: Decision, region: str) -> None:
    standings = [
        {"check_id": check_id, "region": region, "payload": json.dumps(codec.plain(standing))}
        for check_id, standing in decision.standings.items()
    ]
    schema.upsert(connection, schema.standings, standings)
    if decision.forgotten:
        table = schema.standings.c
        gone = table.check_id.in_(decision.forgotten)
        connection.execute(delete(schema.standings).where(gone, table.region == region))
    if decision.gone:
        connection.execute(delete(schema.regions).where(schema.regions.c.region.in_(decision.gone)))
    write_incidents(connection, decision.incidents)
    schema.insert(connection, schema.transitions, [codec.transition_row(t) for t in decision.transitions])
    notices = [codec.outbox_values(*pair) for pair in decision.notices]
    schema.insert_new(connection, schema.outbox, notices, ("id",))


def write_incidents(connection: Connection, incidents: Iterable[Incident]) -> None:
    """Insert those of version 0, and replace the others; StoreFault where one has changed since it was read."""
    # Those that end come first: at no moment may there be two of one key.
    ordered = sorted(incidents, key=lambda incident: not incident.finished)
    changed = [codec.incident_row(incident) for incident in ordered if incident.version]
    if changed:
        table = schema.incidents
        columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in changed[0] if name != "id"}
        known = (table.c.id == bindparam("known_id"), table.c.version == bindparam("new_version") - 1)
        values = [{"known_id": row["id"], **{f"new_{name}": row[name] for name in columns}} for row in changed]
        count = connection.execute(update(table).where(*known).values(columns), values).rowcount
        if count != len(changed):
            raise StoreFault("an incident has changed since it was read")
    schema.insert(connection, schema.incidents, [codec.incident_row(i) for i in ordered if not i.version])
