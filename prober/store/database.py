"""The store as an object: one transaction per batch going in, tuples of values coming out. Any thread may call it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from prober.clock import Clock, SystemClock
from prober.faults import UserFault, describe
from prober.model import Transition
from prober.store import rows, schema, sqlite
from prober.store.rows import Batch, OutboxRow, StoredResult, StoreFault, Told

LONGEST_WAIT_S = 3_600.0
"""No delivery is put off for longer: what is due later than that was stamped by a clock that was put back since."""
PRUNE_ROWS = 5_000

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Store:
    """The prober's memory in one SQLite file. Every method raises StoreFault when the database does not play along."""

    def __init__(self, path: Path | str, clock: Clock | None = None, *, exclusive: bool = True) -> None:
        """Open the file, or make it. ``exclusive`` keeps a second prober out; reading beside one needs it off.

        Raises UserFault when the file is in use, cannot be used, or was written by a newer release. A damaged one
        is moved aside and replaced by an empty one.
        """
        self.path = Path(path)
        self._writing = threading.Lock()
        self._lock = sqlite.lock(self.path) if exclusive else None
        try:
            self.set_aside = sqlite.set_aside_if_damaged(self.path, clock or SystemClock()) if exclusive else None
            """Where a damaged store was moved to when this one was opened."""
            self._engine = sqlite.open_engine(self.path)
            self._prepare()
        except (StoreFault, OSError) as fault:
            self.close()
            raise UserFault(f"the store {self.path} cannot be used: {describe(fault)}") from None
        except UserFault:
            self.close()
            raise

    def close(self) -> None:
        """Give up the connections and let another prober have the file."""
        engine: Engine | None = getattr(self, "_engine", None)
        if engine is not None:
            engine.dispose()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # What goes in.

    def commit(self, batch: Batch) -> None:
        """Write all of ``batch``, or nothing. Writing the same batch again right after changes nothing."""
        with self._write() as connection:
            token = f"batch:{batch.writer}"
            # The answer to a COMMIT may be lost on its way; the token tells on the next try that it was done.
            if self._meta(connection, token) == batch.token:
                return
            schema.insert(connection, schema.results, [rows.result_row(r) for r in batch.results])
            schema.insert(connection, schema.transitions, [rows.transition_row(t) for t in batch.transitions])
            # Closed ones first: at no moment may one check have two open incidents.
            incidents = sorted(batch.incidents, key=lambda told: told.incident.closed_at is None)
            schema.upsert(connection, schema.incidents, [rows.incident_row(told) for told in incidents])
            schema.insert(connection, schema.outbox, [rows.outbox_values(*pair) for pair in batch.notices])
            schema.upsert(connection, schema.states, [rows.state_row(state) for state in batch.states])
            if batch.forgotten:
                key = tuple_(schema.states.c.check_id, schema.states.c.region)
                connection.execute(delete(schema.states).where(key.in_(batch.forgotten)))
            schema.upsert(connection, schema.meta, [{"key": token, "value": batch.token}])

    def prune(self, before: float) -> int:
        """Drop results, transitions, closed incidents and what was delivered of them from before ``before``; how many.

        Open incidents and notices that still wait are kept however old they are.
        """
        incidents, box = schema.incidents.c, schema.outbox.c
        kept = select(incidents.id).where(incidents.closed_at.is_(None) | (incidents.closed_at >= before))
        done = and_(box.status != schema.PENDING, box.done_at < before, box.incident_id.not_in(kept))
        return (
            self._prune(schema.results.c.seq, schema.results.c.started_at < before)
            + self._prune(schema.transitions.c.seq, schema.transitions.c.at < before)
            + self._prune(box.seq, done)
            + self._prune(incidents.id, incidents.closed_at < before)
        )

    def _prune(self, key: Column[Any], condition: ColumnElement[bool]) -> int:
        # In pieces, so that nobody who has something to write waits long.
        dropped = 0
        while True:
            with self._write() as connection:
                some = select(key).where(condition).limit(PRUNE_ROWS)
                count = connection.execute(delete(key.table).where(key.in_(some))).rowcount
            dropped += count
            if count < PRUNE_ROWS:
                return dropped

    # What comes out.

    def states(self) -> tuple[Mapping[str, Any], ...]:
        """Every state as the dict it was written as; one that is damaged is left out, with an error in the log."""
        found = []
        for row in self._read(select(schema.states)):
            try:
                found.append(json.loads(row.payload))
            except ValueError:
                _log.error("a stored state is not readable, starting anew", check=row.check_id, region=row.region)
        return tuple(found)

    def open_incidents(self) -> tuple[Told, ...]:
        """Incidents that have not ended, oldest first."""
        query = select(schema.incidents).where(schema.incidents.c.closed_at.is_(None))
        return tuple(rows.told(row) for row in self._read(query.order_by(schema.incidents.c.opened_at)))

    def incidents(self, limit: int = 100) -> tuple[Told, ...]:
        """The latest incidents, newest first."""
        query = select(schema.incidents).order_by(schema.incidents.c.opened_at.desc()).limit(limit)
        return tuple(rows.told(row) for row in self._read(query))

    def results(self, check_id: str, limit: int = 100) -> tuple[StoredResult, ...]:
        """The latest results of one check over all regions, newest first."""
        query = select(schema.results).where(schema.results.c.check_id == check_id)
        return tuple(
            rows.stored_result(r) for r in self._read(query.order_by(schema.results.c.seq.desc()).limit(limit))
        )

    def transitions(self, check_id: str, limit: int = 100) -> tuple[Transition, ...]:
        """The latest transitions of one check, newest first."""
        query = select(schema.transitions).where(schema.transitions.c.check_id == check_id)
        query = query.order_by(schema.transitions.c.seq.desc()).limit(limit)
        return tuple(rows.transition(row) for row in self._read(query))

    # The outbox.

    def due(self, channel: str, now: float, limit: int = 10) -> tuple[OutboxRow, ...]:
        """Notices to send to ``channel`` at ``now``: of each incident only the first that is not done."""
        due_at = schema.outbox.c.due_at
        query = _heads(channel).where((due_at <= now) | (due_at > now + LONGEST_WAIT_S))
        return tuple(
            rows.outbox_row(row) for row in self._read(query.order_by(due_at, schema.outbox.c.seq).limit(limit))
        )

    def next_due(self, channel: str) -> float | None:
        """The wall time at which the next notice to ``channel`` is due; None when there is none."""
        query = _heads(channel).order_by(schema.outbox.c.due_at).limit(1)
        return next((row.due_at for row in self._read(query)), None)

    def pending(self) -> dict[str, int]:
        """Notices not yet done, by channel."""
        box = schema.outbox.c
        query = (
            select(box.channel, func.count().label("waiting")).where(box.status == schema.PENDING).group_by(box.channel)
        )
        return {row.channel: row.waiting for row in self._read(query)}

    def outbox(self, limit: int = 100, status: str | None = None) -> tuple[OutboxRow, ...]:
        """The latest rows of the outbox, newest first; of one status (pending, sent, parked) when named."""
        query = select(schema.outbox).order_by(schema.outbox.c.seq.desc()).limit(limit)
        query = query.where(schema.outbox.c.status == status) if status else query
        return tuple(rows.outbox_row(row) for row in self._read(query))

    def mark_sent(self, notice_id: str, at: float, detail: str) -> None:
        """The service took it."""
        self._mark(notice_id, status=schema.SENT, done_at=at, detail=rows.text(detail), attempts=_ONE_MORE)

    def postpone(self, notice_id: str, due_at: float, error: str) -> None:
        """An attempt failed; the next is due at ``due_at``."""
        self._mark(notice_id, due_at=due_at, detail=rows.text(error), attempts=_ONE_MORE)

    def park(self, notice_id: str, at: float, error: str) -> None:
        """It cannot be delivered; it stays, with its error, and is not tried again."""
        self._mark(notice_id, status=schema.PARKED, done_at=at, detail=rows.text(error))

    def _mark(self, notice_id: str, **values: Any) -> None:
        with self._write() as connection:
            connection.execute(update(schema.outbox).where(schema.outbox.c.id == notice_id).values(**values))

    # The ground.

    def _prepare(self) -> None:
        with self._write() as connection:
            schema.metadata.create_all(connection)
            found = self._meta(connection, "schema_version")
            if found is not None and int(found) > schema.VERSION:
                raise UserFault(
                    f"the store {self.path} was written by a newer prober (schema {found}, this one knows "
                    f"{schema.VERSION}); upgrade, or set store.path to another file"
                )
            schema.upsert(connection, schema.meta, [{"key": "schema_version", "value": str(schema.VERSION)}])

    def _meta(self, connection: Connection, key: str) -> str | None:
        return connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == key)).scalar()

    def _read(self, query: Select[Any]) -> list[Row[Any]]:
        with _translated(), self._engine.connect() as connection:
            return list(connection.execute(query).all())

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._writing, _translated(), self._engine.connect() as connection:
            connection.execution_options(**{sqlite.WRITING: True})
            with connection.begin():
                yield connection


_ONE_MORE = schema.outbox.c.attempts + 1


def _heads(channel: str) -> Select[Any]:
    """Pending rows that no earlier pending row of their incident and channel stands before."""
    box, earlier = schema.outbox, schema.outbox.alias("earlier")
    before = and_(
        earlier.c.incident_id == box.c.incident_id, earlier.c.channel == box.c.channel, earlier.c.seq < box.c.seq
    )
    orphaned = exists().where(before, earlier.c.status == schema.PARKED).label("orphaned")
    waiting = exists().where(before, earlier.c.status == schema.PENDING)
    return select(box, orphaned).where(box.c.status == schema.PENDING, box.c.channel == channel, ~waiting)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as fault:
        # SQLAlchemy's own text repeats the statement and every value.
        raise StoreFault(describe(fault.orig or fault)) from None
    except (SQLAlchemyError, sqlite.DriverFault) as fault:
        raise StoreFault(describe(fault)) from None
