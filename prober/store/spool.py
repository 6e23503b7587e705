"""Results that were written here while the shared store was away, and move over once it is back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, delete, select, tuple_

from prober.store import schema
from prober.store.decisions import RUN
from prober.store.pruning import Pruning

TABLE = "table"
"""The key beside a row's columns that names what it is a row of."""
_MOVED = (schema.transitions, schema.results)
_CHANGE = ("check_id", "region", "at", "after")


class Spool(Pruning):
    """Both ends of the way from a store of one's own to the shared one."""

    def exported(self, limit: int) -> tuple[Mapping[str, Any], ...]:
        """Up to ``limit`` of the oldest rows that are to move over, as plain values: transitions, then results."""
        rows: list[Mapping[str, Any]] = []
        with self._reading() as connection:
            for table in _MOVED:
                query = select(table).order_by(table.c.seq).limit(limit - len(rows))
                rows += [{TABLE: table.name, **row._mapping} for row in connection.execute(query)]
        return tuple(rows)

    def adopt(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write what ``exported`` of another store gave; what is here already is not written again."""
        sorted_rows = {table.name: _values(table, rows) for table in _MOVED}
        with self._writing() as connection:
            known = _known_changes(connection, sorted_rows["transitions"])
            new = [row for row in sorted_rows["transitions"] if tuple(row[name] for name in _CHANGE) not in known]
            schema.insert(connection, schema.transitions, new)
            schema.insert_new(connection, schema.results, sorted_rows["results"], RUN)

    def discard(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Drop here what was adopted there."""
        rows = tuple(rows)
        with self._writing() as connection:
            for table in _MOVED:
                for numbers in _chunks([row["seq"] for row in rows if row[TABLE] == table.name]):
                    connection.execute(delete(table).where(table.c.seq.in_(numbers)))

    def trim(self, max_bytes: int, max_age_s: float) -> int:
        """Keep what waits here within bounds: the too old goes, uneventful results first, then the oldest; how many."""
        oldest = self.now() - max_age_s
        results, transitions = schema.results.c, schema.transitions.c
        aged = self._drop([results.seq], results.started_at < oldest)
        return aged + self._drop([transitions.seq], transitions.at < oldest) + self.shrink(max_bytes)


def _values(table: Table, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns if column.name != "seq"]
    return [{name: row[name] for name in names} for row in rows if row[TABLE] == table.name]


def _known_changes(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> set[tuple[Any, ...]]:
    columns = [schema.transitions.c[name] for name in _CHANGE]
    known: set[tuple[Any, ...]] = set()
    for chunk in _chunks([tuple(row[name] for name in _CHANGE) for row in rows]):
        known |= {tuple(row) for row in connection.execute(select(*columns).where(tuple_(*columns).in_(chunk)))}
    return known


def _chunks(items: Sequence[Any]) -> Iterable[list[Any]]:
    rest = iter(items)
    while chunk := list(islice(rest, 1_000)):
        yield chunk
