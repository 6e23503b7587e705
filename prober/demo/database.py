"""The shop's SQLite database: one connection behind one lock, as SQLite has one writer anyway."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, token TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN ('paid', 'cancelled')),
    email TEXT NOT NULL, name TEXT NOT NULL, delivery TEXT NOT NULL, card_last4 TEXT NOT NULL,
    amount_cents INTEGER NOT NULL, synthetic INTEGER NOT NULL, created_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS orders_by_email ON orders (email, created_at);
CREATE TABLE IF NOT EXISTS items (
    order_id TEXT NOT NULL REFERENCES orders (id), event_id TEXT NOT NULL, seat TEXT NOT NULL,
    tier TEXT NOT NULL, price_cents INTEGER NOT NULL, ticket TEXT NOT NULL, PRIMARY KEY (order_id, event_id, seat)
) STRICT;
CREATE TABLE IF NOT EXISTS sold (
    event_id TEXT NOT NULL, seat TEXT NOT NULL, order_id TEXT REFERENCES orders (id), PRIMARY KEY (event_id, seat)
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, email TEXT, account INTEGER NOT NULL DEFAULT 0, pending_email TEXT,
    synthetic INTEGER NOT NULL, seen_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS cart (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, event_id TEXT NOT NULL, seat TEXT NOT NULL,
    PRIMARY KEY (session_id, event_id, seat)
) STRICT;
"""


class Database:
    """A shop's database: in memory without a path. Safe to share between threads; closed with `close`."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed as a whole, or rolled back when the block raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """What a query finds, in its order."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def answers(self) -> bool:
        """Whether the database is there at all."""
        try:
            return bool(self.rows("SELECT 1"))
        except sqlite3.Error:
            return False

    def close(self) -> None:
        """Close the connection; later use raises `sqlite3.ProgrammingError`."""
        with self._lock:
            self._connection.close()
