"""SQLite: a file, locked against a second prober, checked for damage, set to survive a power cut; or memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, ColumnElement, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from prober.clock import Clock
from prober.faults import UserFault, describe
from prober.log import Log

BUSY_TIMEOUT_MS = 5_000
CHECK_TIMEOUT_S = 2.0
"""Looking for damage stops here and takes the rest of a large file for sound."""
WRITING = "prober_writing"
"""The execution option of connections that write: their transactions take the write lock when they begin."""
LOG_BYTES = 64 * 1024 * 1024
"""The write-ahead log is cut to this once it has been written back."""
GIVE_BACK_PAGES = 1_000

_log = Log(__name__)

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class FileLock:
    """Keeps a second prober from the same file; ends with the process, also after ``kill -9``."""

    def __init__(self, path: Path) -> None:
        """Raises UserFault, naming the process that holds it, where the lock is taken."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise UserFault(
                f"the store {path.with_suffix('')} is in use by another prober (pid {holder}); "
                "stop that one or give this one its own store.path"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others in. The lock file stays: removing it would let two others in."""
        os.close(self._fd)


def lock(path: Path) -> FileLock:
    """The lock of the store at ``path``. Raises UserFault where it is taken or cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path.with_name(path.name + ".lock"))
    except OSError as fault:
        raise UserFault(f"the store {path} cannot be used: {fault.strerror or describe(fault)}") from None


def set_aside_if_damaged(path: Path, clock: Clock) -> Path | None:
    """Where a damaged file was moved to, or None when it is sound or not there yet."""
    if not path.exists():
        return None
    damage = _damage(path)
    if damage is None:
        return None
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock.wall()))
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    # The log first: beside the old file's name it would be played back into the new one.
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    _log.error("store damaged, starting with an empty one", store=str(path), kept_as=str(aside), damage=damage)
    return aside


def _damage(path: Path) -> str | None:
    give_up = time.monotonic() + CHECK_TIMEOUT_S
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.set_progress_handler(lambda: time.monotonic() > give_up, 10_000)
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as fault:
        return describe(fault) if _primary_code(fault) in _DAMAGE else None
    return None if verdict == "ok" else str(verdict)


def _primary_code(fault: sqlite3.DatabaseError) -> int:
    return getattr(fault, "sqlite_errorcode", 0) & 0xFF


class Memory:
    """A store that ends with the process: one connection, which all threads use in turn."""

    shared = False
    label = "in memory"
    elsewhere = "set store.path to a file"
    faults: tuple[type[Exception], ...] = (sqlite3.Error,)
    reading: Mapping[str, Any] = {}
    writing: Mapping[str, Any] = {WRITING: True}
    now: ColumnElement[float] | None = None

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def open(self) -> Engine:
        engine = create_engine(
            URL.create("sqlite", database=":memory:"),
            poolclass=StaticPool,
            connect_args={"check_same_thread": False},
        )
        return _with_events(engine)

    def turn(self, *, writing: bool) -> AbstractContextManager[Any]:
        return self._turn

    @contextmanager
    def migrating(self, engine: Engine) -> Iterator[Connection]:
        with engine.connect() as connection:
            connection.execution_options(**self.writing)
            with connection.begin():
                yield connection

    def masked(self, text: str) -> str:
        return text

    def used_bytes(self, connection: Connection, row_bytes: float, enough: int) -> int:
        size, free = _pragma(connection, "page_count"), _pragma(connection, "freelist_count")
        return (size - free) * _pragma(connection, "page_size")

    def give_back(self, connection: Connection) -> bool:
        # A file that was made without this keeps its size, and fills its free pages again.
        if not _pragma(connection, "auto_vacuum"):
            return False
        # Each page is a row that has nothing in it, as the driver sees it: all have to be fetched.
        cursor = connection.connection.cursor()
        cursor.execute(f"PRAGMA incremental_vacuum({GIVE_BACK_PAGES})")
        cursor.fetchall()
        return _pragma(connection, "freelist_count") > 0

    def close(self) -> None:
        """There is nobody to leave it to."""


class File(Memory):
    """A store in a file, which any thread reads while one writes."""

    elsewhere = "set store.path to another file"

    def __init__(self, path: Path, clock: Clock, *, exclusive: bool) -> None:
        """Raises UserFault where another prober has it or it cannot be made; a damaged one is moved aside."""
        super().__init__()
        self.path = path
        self.label = str(path)
        self.lock = lock(path) if exclusive else None
        try:
            self.set_aside = set_aside_if_damaged(path, clock) if exclusive else None
        except OSError as fault:
            self.close()
            raise UserFault(f"the store {path} cannot be used: {describe(fault)}") from None

    def open(self) -> Engine:
        return _with_events(create_engine(URL.create("sqlite", database=str(self.path))))

    def turn(self, *, writing: bool) -> AbstractContextManager[Any]:
        return self._turn if writing else contextlib.nullcontext()

    def close(self) -> None:
        """Let another prober have the file."""
        if self.lock is not None:
            self.lock.release()
            self.lock = None


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _with_events(engine: Engine) -> Engine:
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _: ConnectionPoolEntry) -> None:
    # Without this Python's driver decides by itself when a transaction begins.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "auto_vacuum = INCREMENTAL",  # before the first page is written, or never
        "journal_mode = WAL",
        f"journal_size_limit = {LOG_BYTES}",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once, without waiting, when another wrote in between.
    writing = connection.get_execution_options().get(WRITING)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
