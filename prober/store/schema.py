"""The tables as this release knows them. Nothing in them is SQLite's own, so that PostgreSQL holds the same.

``migrations`` brings a store there. A release only adds: the one before reads and writes the same store, and rows
that it writes have only what it knows; what was added is then empty or has its default.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    and_,
    any_,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from prober.pace import in_pieces

VERSION = 4
"""Of the tables as they are declared here."""
READABLE_BY = 1
"""The oldest version whose prober can still use them."""

DECISION = "decision"
"""The row of ``meta`` whose lock is held while a decision is taken: there is one at a time, over all regions."""
PENDING, SENT, PARKED, DROPPED = "pending", "sent", "parked", "dropped"

metadata = MetaData()

# SQLite numbers rows by itself only where the key is a plain INTEGER.
_Serial = BigInteger().with_variant(Integer(), "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

results = Table(
    "results",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("check_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("runs", Integer, nullable=False, server_default=text("1")),
    Index("results_by_check", "check_id", "seq"),
    Index("results_by_age", "started_at"),
    Index("results_by_run", "check_id", "region", "run_id", unique=True),
)

states = Table(
    "states",
    metadata,
    Column("check_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("heard_at", Float),
    Column("stale_at", Float),
    PrimaryKeyConstraint("check_id", "region"),
    Index("states_by_staleness", "stale_at"),
)

standings = Table(
    "standings",
    metadata,
    Column("check_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("payload", Text, nullable=False),
    PrimaryKeyConstraint("check_id", "region"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("check_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("since", Float, nullable=False),
    Index("transitions_by_check", "check_id", "seq"),
    Index("transitions_by_age", "at"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("check_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("closed_at", Float),
    Column("channels", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("condition", Text, nullable=False, server_default=text("'down'")),
    Column("finished", Integer),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("payload", Text),
    Index("incidents_by_age", "opened_at"),
)
unfinished: ColumnElement[bool] = or_(
    incidents.c.finished == text("0"), and_(incidents.c.finished.is_(None), incidents.c.closed_at.is_(None))
)
"""Incidents of which something is left to tell; one without ``finished`` was written by the release before."""
# Two of the same would be told twice and resolved once.
Index(
    "incidents_unfinished",
    incidents.c.check_id,
    incidents.c.region,
    incidents.c.condition,
    unique=True,
    sqlite_where=unfinished,
    postgresql_where=unfinished,
)

hushes = Table(
    "hushes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    Column("payload", Text, nullable=False),
    Index("hushes_by_end", "ends_at"),
)

regions = Table(
    "regions",
    metadata,
    Column("region", Text, primary_key=True),
    Column("heard_at", Float, nullable=False),
    Column("instance", Text, nullable=False),
    Column("leased_until", Float, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("incident_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text(f"'{PENDING}'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", Float, nullable=False, server_default=text("0")),
    Column("done_at", Float),
    Column("detail", Text, nullable=False, server_default=text("''")),
    Column("owner", Text, nullable=False, server_default=text("''")),
    Column("leased_until", Float, nullable=False, server_default=text("0")),
    Column("reference", Text, nullable=False, server_default=text("''")),
    Index("outbox_by_incident", "incident_id", "channel", "seq"),
)
Index(
    "outbox_pending",
    outbox.c.channel,
    outbox.c.due_at,
    sqlite_where=outbox.c.status == PENDING,
    postgresql_where=outbox.c.status == PENDING,
)

_INSERT: Mapping[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}

markers = Table(
    "markers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("payload", Text, nullable=False),
    Index("markers_by_time", "at"),
)

notes = Table(
    "notes",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("incident_id", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index("notes_by_incident", "incident_id", "at"),
)

announcements = Table(
    "announcements",
    metadata,
    Column("id", Text, primary_key=True),
    Column("page", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Index("announcements_by_page", "page", "starts_at"),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("page", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("confirmed_at", Float),
    Index("subscribers_by_page", "page", "kind", "address", unique=True),
)

hours = Table(
    "hours",
    metadata,
    Column("check_id", Text, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("region", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("check_id", "hour", "region"),
)
"""What runs came to, per five minutes; those of an hour since 1970 in one row. Packed by ``tally``."""

days = Table(
    "days",
    metadata,
    Column("check_id", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("region", Text, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("good", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("check_id", "day", "region"),
)
"""The same per day since 1970."""

watched = Table(
    "watched",
    metadata,
    Column("check_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("lacking", Text, nullable=False),
    Column("since", Float, nullable=False),
    Column("until", Float, nullable=False),
    PrimaryKeyConstraint("check_id", "region", "lacking"),
)
"""From when until when a check was looked at, but for its gaps; see ``coverage``."""

gaps = Table(
    "gaps",
    metadata,
    Column("check_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("lacking", Text, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    PrimaryKeyConstraint("check_id", "region", "lacking", "starts_at"),
    Index("gaps_by_end", "check_id", "ends_at"),
)

Rows = Sequence[Mapping[str, Any]]

_AT_ONCE = {"sqlite": 64, "postgresql": 1_000}
"""Rows of one execution: a server far away is worth more of them than a file, whose rows are all reckoned here."""


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, as the database of ``connection`` spells it."""
    return _INSERT[connection.dialect.name](table)


def among(connection: Connection, column: Column[str], values: Iterable[str]) -> ColumnElement[bool]:
    """Whether ``column`` is one of ``values``, which go over as one: statements take only so many."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(list(values), postgresql.ARRAY(Text)))
    return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))


def upsert(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert ``rows``, or where their primary key is there already, take the other columns over from them."""
    if not rows:
        return
    statement = insert_into(connection, table)
    keys = [column.name for column in table.primary_key.columns]
    taken = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    # In one order, so that of two who write the same rows neither holds what the other waits for.
    ordered = sorted(rows, key=lambda row: [row[key] for key in keys])
    statement = statement.on_conflict_do_update(index_elements=keys, set_=taken)
    for piece in in_pieces(ordered, _AT_ONCE[connection.dialect.name]):
        connection.execute(statement, piece)


def insert(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert ``rows``; none is fine."""
    for piece in in_pieces(rows, _AT_ONCE[connection.dialect.name]):
        connection.execute(table.insert(), list(piece))


def insert_new(connection: Connection, table: Table, rows: Rows, keys: Sequence[str] | None = None) -> None:
    """Insert those of ``rows`` that are not there yet by their ``keys``, which are unique; by any that is if None."""
    if rows:
        statement = insert_into(connection, table)
        statement = statement.on_conflict_do_nothing(index_elements=keys and list(keys))
        for piece in in_pieces(rows, _AT_ONCE[connection.dialect.name]):
            connection.execute(statement, list(piece))
