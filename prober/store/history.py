"""What was written, to be looked at: states, results, transitions and incidents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select

from prober.log import Log
from prober.model import Incident, Transition
from prober.store import codec, schema
from prober.store.database import Database
from prober.store.rows import StoredResult

PREFIX_CHARS = 4
"""So much of an id is enough where it fits only one."""

_log = Log(__name__)


class History(Database):
    """The reading side."""

    def states(self) -> tuple[Mapping[str, Any], ...]:
        """Every state as the dict it was written as; one that is damaged is left out, with an error in the log."""
        found = []
        for row in self._read(select(schema.states)):
            try:
                found.append(json.loads(row.payload))
            except ValueError:
                _log.error("a stored state is not readable, starting anew", check=row.check_id, region=row.region)
        return tuple(found)

    def results(self, check_id: str, limit: int = 100) -> tuple[StoredResult, ...]:
        """The latest results of one check over all regions, newest first."""
        query = select(schema.results).where(schema.results.c.check_id == check_id)
        query = query.order_by(schema.results.c.seq.desc()).limit(limit)
        return tuple(codec.stored_result(row) for row in self._read(query))

    def transitions(self, check_id: str, limit: int = 100) -> tuple[Transition, ...]:
        """The latest transitions of one check, newest first."""
        query = select(schema.transitions).where(schema.transitions.c.check_id == check_id)
        query = query.order_by(schema.transitions.c.seq.desc()).limit(limit)
        return tuple(codec.transition(row) for row in self._read(query))

    def incidents(self, limit: int = 100, open_only: bool = False) -> tuple[Incident, ...]:
        """The latest incidents, newest first; with ``open_only`` those that are not finished."""
        query = select(schema.incidents).where(schema.unfinished) if open_only else select(schema.incidents)
        return self._incidents(query.order_by(schema.incidents.c.opened_at.desc()).limit(limit))

    def incident_page(
        self,
        *,
        check_id: str | None = None,
        closed: bool | None = None,
        condition: str | None = None,
        since: float | None = None,
        until: float | None = None,
        before: tuple[float, str] | None = None,
        limit: int = 50,
    ) -> tuple[Incident, ...]:
        """Incidents that lasted at some time after ``since`` and had begun before ``until``, newest first.

        ``before`` is when the last one of the page before was opened, and its id.
        """
        table = schema.incidents.c
        wanted: list[ColumnElement[bool]] = []
        if check_id is not None:
            wanted.append(table.check_id == check_id)
        if closed is not None:
            wanted.append(table.closed_at.is_not(None) if closed else table.closed_at.is_(None))
        if condition is not None:
            wanted.append(table.condition == condition)
        if since is not None:
            wanted.append(or_(table.closed_at.is_(None), table.closed_at >= since))
        if until is not None:
            wanted.append(table.opened_at < until)
        if before is not None:
            at, incident_id = before
            wanted.append(or_(table.opened_at < at, and_(table.opened_at == at, table.id < incident_id)))
        query = select(schema.incidents).where(*wanted)
        return self._incidents(query.order_by(table.opened_at.desc(), table.id.desc()).limit(limit))

    def open_incidents(self) -> tuple[Incident, ...]:
        """Incidents that are not finished, oldest first."""
        query = select(schema.incidents).where(schema.unfinished)
        return self._incidents(query.order_by(schema.incidents.c.opened_at))

    def incident(self, incident_id: str) -> Incident | None:
        """The incident of this id, or whose id alone begins like this; None where there is none, or several."""
        column = schema.incidents.c.id
        like = column.startswith(incident_id, autoescape=True) if len(incident_id) >= PREFIX_CHARS else false()
        query = select(schema.incidents).where(or_(column == incident_id, like)).order_by(func.length(column)).limit(2)
        # In SQLite LIKE takes capitals for small letters.
        found = [one for one in self._incidents(query) if one.id.startswith(incident_id)]
        whole = [one for one in found if one.id == incident_id]
        return next(iter(whole or (found if len(found) == 1 else ())), None)

    def _incidents(self, query: Select[Any]) -> tuple[Incident, ...]:
        return tuple(codec.incident(row) for row in self._read(query))
