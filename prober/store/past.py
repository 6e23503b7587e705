"""What the store holds of the past, as of one moment: read by ``history``, and by the roll-ups themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Connection, Row, Select, and_, func, or_, select, union

from prober.model import Hush, Incident, Transition
from prober.store import codec, schema
from prober.store.coverage import Coverage
from prober.store.database import Database
from prober.store.mark import ROLLED_UP, Mark
from prober.store.notes import Note, note, notes_of
from prober.store.rows import OutboxRow, StoredResult
from prober.store.shares import Key, Word

_results, _transitions = schema.results.c, schema.transitions.c
FEW = 20
"""Of more checks, what lies between two times is found by its time."""
MOST_UNROLLED = 20_000
"""A release that finds months of results rolls them up in minutes; nobody waits for that."""
_COUNTED = ("check_id", "region", "started_at", "duration_s", "verdict", "runs", "payload")


@dataclass(frozen=True, slots=True)
class Sought:
    """Which results are wanted, newest first."""

    check_id: str
    region: str | None = None
    verdicts: Collection[str] = ()
    since: float | None = None
    until: float | None = None
    before: int | None = None
    """A number of ``Past.results``."""
    limit: int = 50
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """One moment of the store."""

    connection: Connection
    now: float
    """By the store's clock."""
    rolled: int = 0
    """Up to which number results are in the roll-ups."""

    # What is rolled up, and what is not yet.

    def hours(self, check_ids: Collection[str], first: int, last: int) -> Sequence[Row[Any]]:
        """The hours from ``first`` to ``last`` since 1970."""
        table = schema.hours.c
        return self._all(
            select(schema.hours).where(self._of(table.check_id, check_ids), table.hour.between(first, last))
        )

    def days(self, check_ids: Collection[str], first: int, last: int, *, packed: bool = False) -> Sequence[Row[Any]]:
        """The days from ``first`` to ``last`` since 1970; what they hold beside their counts only if ``packed``."""
        table = schema.days.c
        columns = [
            table.check_id,
            table.day,
            table.region,
            table.runs,
            table.good,
            *([table.payload] if packed else []),
        ]
        return self._all(select(*columns).where(self._of(table.check_id, check_ids), table.day.between(first, last)))

    def unrolled(self, check_ids: Collection[str]) -> Sequence[Row[Any]]:
        """Results that are in no roll-up yet, as far as they are counted; the latest of them where there are many."""
        columns = [_results[name] for name in _COUNTED]
        query = select(*columns).where(_results.seq > self.rolled, self._of(_results.check_id, check_ids))
        return self._all(query.order_by(_results.seq.desc()).limit(MOST_UNROLLED))[::-1]

    def coverage(self, check_ids: Collection[str], since: float) -> dict[tuple[str, str, str], Coverage]:
        """By check, region and what may be lacking: when it was not, with the gaps that end after ``since``."""
        watched, gaps = schema.watched.c, schema.gaps.c
        found = {
            (row.check_id, row.region, row.lacking): Coverage(row.since, row.until)
            for row in self._all(select(schema.watched).where(self._of(watched.check_id, check_ids)))
        }
        query = select(schema.gaps).where(self._of(gaps.check_id, check_ids), gaps.ends_at > since)
        for row in self._all(query.order_by(gaps.starts_at)):
            known = found.get((row.check_id, row.region, row.lacking))
            if known is not None:
                known.gaps.append((row.starts_at, row.ends_at))
        return found

    # What was settled, and what was planned.

    def regions(self, check_id: str) -> set[str]:
        """Where a check was ever run."""
        watched, states = schema.watched.c, schema.states.c
        found = union(
            select(watched.region).where(watched.check_id == check_id),
            select(states.region).where(states.check_id == check_id),
        )
        return {row[0] for row in self.connection.execute(found)}

    def words(self, check_ids: Collection[str]) -> dict[Key, Word]:
        """What is said of the checks now, by check and region."""
        table = schema.states.c
        query = select(table.check_id, table.region, table.verdict, table.heard_at, table.stale_at)
        return {
            (row.check_id, row.region): Word(row.verdict, row.heard_at, row.stale_at)
            for row in self._all(query.where(self._of(table.check_id, check_ids)))
        }

    def outlooks(self, check_ids: Collection[str]) -> dict[str, str]:
        """What the regions say together now, by check; of those on which they decide together."""
        table = schema.standings.c
        query = select(table.check_id, table.payload).where(table.region == "", self._of(table.check_id, check_ids))
        return {row.check_id: str(orjson.loads(row.payload).get("outlook", "")) for row in self._all(query)}

    def transitions(self, check_ids: Collection[str], since: float) -> dict[Key, list[Transition]]:
        """By check and region, oldest first: those decided after ``since``."""
        query = select(schema.transitions).where(_transitions.at > since)
        if len(check_ids) <= FEW:
            query = query.where(self._of(_transitions.check_id, check_ids))
        found: dict[Key, list[Transition]] = {}
        wanted = frozenset(check_ids)
        for row in self._all(query.order_by(_transitions.seq)):
            if row.check_id in wanted:
                found.setdefault((row.check_id, row.region), []).append(codec.transition(row))
        return found

    def last_transitions(self, check_ids: Collection[str]) -> dict[Key, list[Transition]]:
        """By check and region: the latest one."""
        last = select(func.max(_transitions.seq)).where(self._of(_transitions.check_id, check_ids))
        last = last.group_by(_transitions.check_id, _transitions.region)
        rows = self._all(select(schema.transitions).where(_transitions.seq.in_(last)))
        return {(row.check_id, row.region): [codec.transition(row)] for row in rows}

    def decided_since(self, check_ids: Collection[str]) -> dict[str, float]:
        """By check: since when regions decide on it together."""
        if not check_ids:
            return {}
        query = select(_transitions.check_id, func.min(_transitions.since).label("since"))
        query = query.where(self._of(_transitions.check_id, check_ids), _transitions.region == "")
        return {row.check_id: row.since for row in self._all(query.group_by(_transitions.check_id))}

    def hushes(self, since: float, until: float) -> tuple[Hush, ...]:
        """Those that were on at some time between, the first to begin first."""
        table = schema.hushes.c
        query = select(schema.hushes).where(table.ends_at > since, table.starts_at < until)
        return codec.hushes(self._all(query.order_by(table.starts_at)))

    # Results and incidents.

    def results(self, sought: Sought) -> list[tuple[int, StoredResult]]:
        """Results with their numbers."""
        wanted: list[ColumnElement[bool]] = [_results.check_id == sought.check_id]
        if sought.region is not None:
            wanted.append(_results.region == sought.region)
        if sought.verdicts:
            wanted.append(_results.verdict.in_(sought.verdicts))
        if sought.since is not None:
            wanted.append(_results.started_at >= sought.since)
        if sought.until is not None:
            wanted.append(_results.started_at < sought.until)
        if sought.before is not None:
            wanted.append(_results.seq < sought.before)
        order = _results.seq if sought.oldest_first else _results.seq.desc()
        query = select(schema.results).where(*wanted).order_by(order).limit(sought.limit)
        return [(row.seq, codec.stored_result(row)) for row in self._all(query)]

    def run(self, run_id: str) -> StoredResult | None:
        """The result of a run."""
        # By check and region, of which there is an index.
        for subjects in (schema.states.c, schema.watched.c):
            same = and_(_results.check_id == subjects.check_id, _results.region == subjects.region)
            query = select(schema.results).where(same, _results.run_id == run_id).limit(1)
            row = self.connection.execute(query).first()
            if row is not None:
                return codec.stored_result(row)
        return None

    def incidents(self, check_id: str | None, since: float, until: float, limit: int) -> tuple[Incident, ...]:
        """Those that lasted at some time between, newest first."""
        table = schema.incidents.c
        lasted = and_(table.opened_at < until, or_(table.closed_at.is_(None), table.closed_at >= since))
        query = select(schema.incidents).where(lasted)
        query = query if check_id is None else query.where(table.check_id == check_id)
        rows = self._all(query.order_by(table.opened_at.desc(), table.id).limit(limit))
        return tuple(codec.incident(row) for row in rows)

    def told(self, incident_id: str) -> list[tuple[OutboxRow, float | None]]:
        """The notices of an incident in order, and when each was done with."""
        table = schema.outbox.c
        rows = self._all(select(schema.outbox).where(table.incident_id == incident_id).order_by(table.seq))
        return [(codec.outbox_row(row), row.done_at) for row in rows]

    def notes(self, incident_id: str) -> tuple[Note, ...]:
        """What was written about an incident, oldest first."""
        return tuple(map(note, self._all(notes_of(incident_id))))

    def _of(self, column: Column[str], check_ids: Collection[str]) -> ColumnElement[bool]:
        if len(check_ids) == 1:
            return column == next(iter(check_ids))
        return schema.among(self.connection, column, check_ids)

    def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        return self.connection.execute(query).all()


class Remembering(Database):
    """Looking back."""

    @contextmanager
    def past(self) -> Iterator[Past]:
        """One moment of the store, for as long as the block lasts."""
        with self._reading() as connection:
            mark = self._meta(connection, ROLLED_UP)
            now = float(connection.execute(select(self._now())).scalar_one())
            yield Past(connection, now, Mark.read(mark).seq)
