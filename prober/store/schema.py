"""The tables. Nothing in them is SQLite's own, so that PostgreSQL holds the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

VERSION = 1
"""Of the tables as they are declared here; a store of a higher version is not opened."""

PENDING, SENT, PARKED = "pending", "sent", "parked"

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
    Index("results_by_check", "check_id", "seq"),
    Index("results_by_age", "started_at"),
)

states = Table(
    "states",
    metadata,
    Column("check_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("verdict", Text, nullable=False),
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
    Index("incidents_by_age", "opened_at"),
)
# Two open incidents of one check in one region would be told twice and resolved once.
Index(
    "incidents_open",
    incidents.c.check_id,
    incidents.c.region,
    unique=True,
    sqlite_where=incidents.c.closed_at.is_(None),
    postgresql_where=incidents.c.closed_at.is_(None),
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


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert ``rows``, or where their primary key is there already, take the other columns over from them."""
    if not rows:
        return
    statement: sqlite.Insert | postgresql.Insert = _INSERT[connection.dialect.name](table)
    keys = list(table.primary_key.columns)
    taken = {name: statement.excluded[name] for name in rows[0] if name not in table.primary_key.columns}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=taken), list(rows))


def insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert ``rows``; none is fine."""
    if rows:
        connection.execute(table.insert(), list(rows))
