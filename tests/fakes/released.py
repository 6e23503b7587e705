"""The tables as the first release made and used them (version 1), in plain SQL for SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, text

from fakes.alerts import AT, TRIGGER
from prober.model import Notice
from prober.store.codec import notice_json

TABLES = """
CREATE TABLE meta (key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key));
CREATE TABLE results (seq {serial}, check_id TEXT NOT NULL, region TEXT NOT NULL, run_id TEXT NOT NULL,
    started_at FLOAT NOT NULL, duration_s FLOAT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    message TEXT NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (seq));
CREATE INDEX results_by_check ON results (check_id, seq);
CREATE INDEX results_by_age ON results (started_at);
CREATE TABLE states (check_id TEXT NOT NULL, region TEXT NOT NULL, verdict TEXT NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (check_id, region));
CREATE TABLE transitions (seq {serial}, check_id TEXT NOT NULL, region TEXT NOT NULL, before TEXT NOT NULL,
    after TEXT NOT NULL, at FLOAT NOT NULL, since FLOAT NOT NULL, PRIMARY KEY (seq));
CREATE INDEX transitions_by_check ON transitions (check_id, seq);
CREATE TABLE incidents (id TEXT NOT NULL, check_id TEXT NOT NULL, region TEXT NOT NULL, reason TEXT NOT NULL,
    message TEXT NOT NULL, opened_at FLOAT NOT NULL, closed_at FLOAT, channels TEXT NOT NULL, trigger TEXT NOT NULL,
    PRIMARY KEY (id));
CREATE INDEX incidents_by_age ON incidents (opened_at);
CREATE UNIQUE INDEX incidents_open ON incidents (check_id, region) WHERE closed_at IS NULL;
CREATE TABLE outbox (seq {serial}, id TEXT NOT NULL, incident_id TEXT NOT NULL, channel TEXT NOT NULL,
    kind TEXT NOT NULL, payload TEXT NOT NULL, status TEXT DEFAULT 'pending' NOT NULL, attempts INTEGER DEFAULT 0
    NOT NULL, due_at FLOAT DEFAULT 0 NOT NULL, done_at FLOAT, detail TEXT DEFAULT '' NOT NULL, PRIMARY KEY (seq),
    UNIQUE (id));
CREATE INDEX outbox_by_incident ON outbox (incident_id, channel, seq);
CREATE INDEX outbox_pending ON outbox (channel, due_at) WHERE status = 'pending'
"""
SERIAL = {"sqlite": "INTEGER NOT NULL", "postgresql": "BIGSERIAL NOT NULL"}
KEYS = {"meta": "key", "states": "check_id, region", "incidents": "id"}


def make(connection: Connection) -> None:
    """Make the tables, and write a row or two into each, as the first release did."""
    for statement in TABLES.format(serial=SERIAL[connection.dialect.name]).split(";"):
        connection.execute(text(statement))
    put(connection, "meta", key="schema_version", value="1")
    put(connection, "meta", key="batch:eu", value="token")
    result(connection, "r1")
    result(connection, "r1")  # as after a kill between COMMIT and its answer
    result(connection, "r2")
    state(connection, failures=3)
    put(connection, "transitions", check_id="shop", region="eu", before="up", after="down", at=AT, since=AT - 60)
    incident(connection, "open", "shop")
    incident(connection, "closed", "shop", closed_at=AT + 60)
    notice(connection, told("open"))
    notice(connection, told("closed"), status="sent", done_at=AT)


def put(connection: Connection, table: str, **values: object) -> None:
    """Write a row; over the one of its key, where the first release did so."""
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    keys = KEYS.get(table)
    taken = ", ".join(f"{name} = excluded.{name}" for name in values if name not in (keys or ""))
    over = f" ON CONFLICT ({keys}) DO UPDATE SET {taken}" if keys else ""
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks}){over}"), values)


def result(connection: Connection, run_id: str) -> None:
    """A good run."""
    values = {"check_id": "shop", "region": "eu", "run_id": run_id, "started_at": AT, "duration_s": 0.5}
    put(connection, "results", **values, verdict="up", reason="ok", message="", payload="{}")


def state(connection: Connection, failures: int) -> None:
    """The state of the shop, in which nothing says when it is stale."""
    payload = f'{{"check_id": "shop", "region": "eu", "verdict": "down", "failures": {failures}, "last_at": {AT}}}'
    put(connection, "states", check_id="shop", region="eu", verdict="down", payload=payload)


def told(incident_id: str) -> Notice:
    """The trigger of an incident."""
    return replace(TRIGGER, id=f"{incident_id}-trigger", incident_id=incident_id, check_id="shop")


def incident(connection: Connection, name: str, check_id: str, closed_at: float | None = None) -> None:
    """An incident that was told to two channels, or its end."""
    values = {"id": name, "check_id": check_id, "region": "eu", "reason": "status", "message": "503", "opened_at": AT}
    trigger = notice_json(told(name))
    put(connection, "incidents", **values, closed_at=closed_at, channels='["ops", "hook"]', trigger=trigger)


def notice(connection: Connection, notice: Notice, **how: object) -> None:
    """A notice on its way."""
    values = {"id": notice.id, "incident_id": notice.incident_id, "channel": "ops", "kind": notice.kind.value}
    put(connection, "outbox", **values, payload=notice_json(notice), **how)


def use(connection: Connection) -> tuple[list[str], list[str]]:
    """Start as the first release does and work a little; the open incidents and waiting notices that it sees.

    Raises AssertionError where it would refuse the store.
    """
    found = connection.execute(text("SELECT value FROM meta WHERE key = 'schema_version'")).scalar_one()
    assert int(found) <= 1, "written by a newer prober"
    put(connection, "meta", key="schema_version", value="1")
    result(connection, "r9")
    state(connection, failures=4)
    incident(connection, "second", "search")
    notice(connection, told("second"))
    incident(connection, "open", "shop", closed_at=AT + 90)
    waiting = "SELECT id FROM outbox WHERE status = 'pending' ORDER BY seq"
    opened = "SELECT id FROM incidents WHERE closed_at IS NULL ORDER BY id"
    return [row.id for row in connection.execute(text(opened))], [row.id for row in connection.execute(text(waiting))]
