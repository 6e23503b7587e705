"""Opening the store and talking to it: reads, transactions, and its clock. What is said stands in the other files."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Engine, Float, Row, Select, literal, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from prober.clock import Clock, SystemClock
from prober.faults import UserFault, describe
from prober.store import migrations, schema
from prober.store.rows import StoreFault

PATIENCE_S = 3.0
"""Nobody waits longer for another who makes the store ready."""
AGAIN_S = 1.0
"""For so long nobody tries again to make a store ready after that failed: they would queue up behind each other."""


class Place(Protocol):
    """Where a store lives: a file, memory, or a server."""

    shared: bool
    """Whether others write there too, who have clocks of their own."""
    label: str
    """What it is called in messages; never with a password."""
    elsewhere: str
    """What to do to use another one, as a hint."""
    faults: tuple[type[Exception], ...]
    """What comes as it is, not wrapped by SQLAlchemy, where setting up a new connection fails."""
    reading: Mapping[str, Any]
    """The execution options of connections that only read."""
    writing: Mapping[str, Any]
    """The execution options of connections that write."""
    now: ColumnElement[float] | None
    """Its own clock as SQL; None where that is the prober's."""

    def open(self) -> Engine:
        """An engine over it; nothing is connected yet."""
        ...

    def turn(self, *, writing: bool) -> AbstractContextManager[Any]:
        """Held while this process reads or writes, where that has to be one after another."""
        ...

    def migrating(self, engine: Engine) -> AbstractContextManager[Connection]:
        """A transaction that keeps out everybody else who would migrate."""
        ...

    def masked(self, text: str) -> str:
        """``text`` without its password."""
        ...

    def used_bytes(self, connection: Connection, row_bytes: float, enough: int) -> int:
        """How large it is without room that is free for new rows; as near as needed to tell it from ``enough``."""
        ...

    def give_back(self, connection: Connection) -> bool:
        """Return some of the free room to the file system; whether there is more of it."""
        ...

    def close(self) -> None:
        """Let others have it."""
        ...


class Database:
    """A store's connections, its transactions and its clock."""

    def __init__(self, place: Place, clock: Clock | None = None, *, wait: bool = True) -> None:
        """``wait=False`` leaves making it ready to the first use. ``clock`` stands in for the place's own."""
        self._place = place
        self._clock = clock if clock is not None or place.now is not None else SystemClock()
        self._preparing = threading.Lock()
        self._ready = False
        self._failed: tuple[float, str] | None = None
        self._engine = place.open()
        if wait:
            self._prepare_now()

    @property
    def shared(self) -> bool:
        """Whether several regions write to it."""
        return self._place.shared

    @property
    def label(self) -> str:
        """What it is called in messages; never with a password."""
        return self._place.label

    def now(self) -> float:
        """The store's own time: what its server says, which all regions share, or else the prober's clock."""
        if self._clock is not None:
            return self._clock.wall()
        return float(self._read(select(self._now()))[0][0])

    def close(self) -> None:
        """Give up the connections and let another prober have it."""
        self._engine.dispose()
        self._place.close()

    # For the other files of this room.

    def _now(self) -> ColumnElement[float]:
        """The store's time as SQL."""
        own = self._place.now
        return own if self._clock is None and own is not None else literal(self._wall(), Float)

    def _wall(self) -> float:
        """This prober's own time, by which it stamps what it writes."""
        return (self._clock or SystemClock()).wall()

    def _read(self, query: Select[Any]) -> list[Row[Any]]:
        with self._reading() as connection:
            return list(connection.execute(query).all())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the store and changes nothing."""
        self._prepare()
        with self._translated(), self._place.turn(writing=False), self._engine.connect() as connection:
            yield connection.execution_options(**self._place.reading)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction: all of it is written when the block is left, or nothing."""
        self._prepare()
        with self._translated(), self._place.turn(writing=True), self._engine.connect() as connection:
            connection.execution_options(**self._place.writing)
            with connection.begin():
                yield connection

    def _meta(self, connection: Connection, key: str) -> str | None:
        return connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == key)).scalar()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as fault:
            # SQLAlchemy's own text repeats the statement and every value.
            raise StoreFault(self._place.masked(describe(fault.orig or fault))) from None
        except SQLAlchemyError as fault:
            raise StoreFault(self._place.masked(describe(fault))) from None
        except self._place.faults as fault:
            raise StoreFault(self._place.masked(describe(fault))) from None

    # Making it ready.

    def _prepare_now(self) -> None:
        try:
            with self._translated():
                self._bring_forward()
        except (StoreFault, OSError) as fault:
            raise UserFault(f"the store {self.label} cannot be used: {describe(fault)}") from None
        finally:
            if not self._ready:
                self.close()

    def _prepare(self) -> None:
        if self._ready:
            return
        if not self._preparing.acquire(timeout=PATIENCE_S):
            raise StoreFault("the store is still being made ready")
        try:
            if not self._ready:
                self._try_once()
        finally:
            self._preparing.release()

    def _try_once(self) -> None:
        if self._failed is not None and time.monotonic() - self._failed[0] < AGAIN_S:
            raise StoreFault(self._failed[1])
        try:
            with self._translated():
                self._bring_forward()
        except (StoreFault, UserFault) as fault:
            # Whoever did not wait at the start goes on without the store, whatever is wrong with it.
            self._failed = (time.monotonic(), describe(fault))
            raise StoreFault(describe(fault)) from None

    def _bring_forward(self) -> None:
        with self._place.turn(writing=False), self._engine.connect() as connection:
            current = migrations.is_current(connection, self._place)
        if not current:
            with self._place.turn(writing=True), self._place.migrating(self._engine) as connection:
                if not migrations.is_current(connection, self._place):
                    migrations.run(connection)
        self._ready = True
