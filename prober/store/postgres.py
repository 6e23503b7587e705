"""PostgreSQL, or what speaks its protocol: reached with patience that ends, and asked nothing but plain SQL."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Double,
    Engine,
    ExceptionContext,
    cast,
    create_engine,
    event,
    extract,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import registry
from sqlalchemy.exc import ArgumentError, IntegrityError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from prober.faults import UserFault
from prober.secret import Redactor, Secret
from prober.store import schema
from prober.store.dialect import ANSWER_S

POOL = 4
POOL_WAIT_S = 3.0
CONNECTING: Mapping[str, Any] = {
    "connect_timeout": 3,
    "application_name": "prober",
    # A network that was cut is noticed within ten seconds, be there something on its way or not.
    "tcp_user_timeout": 8_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    # A statement that one connection of a pooler in between has prepared is unknown to the next.
    "prepare_threshold": None,
}
SETTINGS: Mapping[str, str] = {
    "statement_timeout": "10s",
    "lock_timeout": "8s",
    # A prober that is stopped in the middle of a transaction must not stop the others: they wait for longer than this.
    "idle_in_transaction_session_timeout": "5s",
}
MIGRATION_WAIT = "60s"
COUNTING = "300s"
MIGRATION = "migration"
"""The row of ``meta`` whose lock is held while the tables are brought forward; not every server has advisory locks."""
TRIES = 5
READ_ONLY = "25006"
"""What a server says that has become a standby."""


class Server:
    """A database that several regions share."""

    shared = True
    elsewhere = "set store.url to another database"
    faults: tuple[type[Exception], ...] = (psycopg.Error,)
    reading: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ"}
    writing: Mapping[str, Any] = {"isolation_level": "READ COMMITTED"}
    now: ColumnElement[float] | None = cast(extract("epoch", func.clock_timestamp()), Double)

    def __init__(self, url: Secret, settings: Mapping[str, str] | None = None) -> None:
        """``settings`` of the session replace those of ``SETTINGS``. Raises UserFault where ``url`` is none."""
        self._url = _parsed(url)
        self._settings = {**SETTINGS, **(settings or {})}
        self.label = f"postgresql://{self._url.host or ''}/{self._url.database or ''}"
        passwords = [self._url.password, *self._url.normalized_query.get("password", ())]
        self._redactor = Redactor(password for password in passwords if password)

    def open(self) -> Engine:
        registry.register("postgresql.prober", "prober.store.dialect", "Dialect")
        engine = create_engine(
            self._url.set(drivername="postgresql+prober"),
            pool_size=POOL,
            max_overflow=POOL,
            pool_timeout=POOL_WAIT_S,
            pool_pre_ping=True,
            hide_parameters=True,
            use_native_hstore=False,
            connect_args={name: value for name, value in CONNECTING.items() if name not in self._url.query},
        )
        event.listen(engine, "connect", self._set_up)
        event.listen(engine, "handle_error", _leave_a_standby)
        return engine

    def turn(self, *, writing: bool) -> AbstractContextManager[Any]:
        return contextlib.nullcontext()

    @contextmanager
    def migrating(self, engine: Engine) -> Iterator[Connection]:
        _lay_lock(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{MIGRATION_WAIT}'")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            with _patient(connection):
                connection.execute(select(schema.meta.c.key).where(schema.meta.c.key == MIGRATION).with_for_update())
                yield connection

    def masked(self, text: str) -> str:
        return self._redactor.text(text)

    def used_bytes(self, connection: Connection, row_bytes: float, enough: int) -> int:
        size = _size_on_disk(connection)
        if size is not None and size <= enough:
            return size
        # Files stay as large as they were after rows are deleted: the rest is told from what is in them.
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{COUNTING}'")
        with _patient(connection):
            rows = connection.execute(select(func.count()).select_from(schema.results)).scalar_one()
        return int(rows * row_bytes)

    def give_back(self, connection: Connection) -> bool:
        """The server does that by itself."""
        return False

    def close(self) -> None:
        """Others have it all the time."""

    def _set_up(self, connection: psycopg.Connection, _: ConnectionPoolEntry) -> None:
        connection.autocommit = True
        # Not as the connection's options, which poolers refuse.
        names = "; ".join(f"SET {name} = '{value}'" for name, value in self._settings.items())
        connection.execute(names.encode())
        connection.autocommit = False


def _parsed(url: Secret) -> URL:
    try:
        parsed = make_url(url.reveal())
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or not parsed.database:
        raise UserFault("the store's URL is not of the form postgresql://user:password@host:5432/database")
    return parsed


@contextmanager
def _patient(connection: Connection) -> Iterator[None]:
    """Wait for answers as long as they take: the server has been told how long that may be."""
    driver: Any = connection.connection.driver_connection
    driver.answer_s = math.inf
    try:
        yield
    finally:
        driver.answer_s = ANSWER_S


def _leave_a_standby(context: ExceptionContext) -> None:
    # After a failover the name leads to the new primary, but the connections still to the old one.
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def _lay_lock(engine: Engine) -> None:
    """Make sure that there is the row to lock, also where others are about to do the same."""
    for number in range(TRIES):
        try:
            with engine.begin() as connection:
                schema.meta.create(connection, checkfirst=True)
                schema.insert_new(connection, schema.meta, [{"key": MIGRATION, "value": ""}], ["key"])
                return
        except (IntegrityError, ProgrammingError):
            if number == TRIES - 1:
                raise


def _size_on_disk(connection: Connection) -> int | None:
    known = "SELECT 1 FROM pg_proc WHERE proname = 'pg_total_relation_size'"
    if connection.exec_driver_sql(known).first() is None:
        return None
    sizes = [func.pg_total_relation_size(table.name) for table in schema.metadata.sorted_tables]
    return int(connection.execute(select(sum(sizes[1:], sizes[0]))).scalar_one())
