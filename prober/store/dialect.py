"""SQLAlchemy's way of speaking to PostgreSQL, with less trust in the server: it may be another, or stop answering."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

ANSWER_S = 12.0
"""A server that was asked must have answered by then; its own timeouts are shorter, if it is well."""
SPOKEN = (13, 0)
"""The version of PostgreSQL that a server is taken for that names another product."""

T = TypeVar("T")


class Dialect(PGDialect_psycopg):
    """PostgreSQL's own dialect, for servers that only speak like it too."""

    supports_statement_cache = True

    def connect(self, *arguments: Any, **options: Any) -> Any:
        return Impatient.connect(*arguments, **options)

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        try:
            version: tuple[int, ...] = super()._get_server_version_info(connection)  # type: ignore[no-untyped-call]
            return version
        except AssertionError:
            return SPOKEN


class Impatient(psycopg.Connection[Any]):
    """A connection that gives up a server which holds the line and says nothing, as a stopped or frozen one does."""

    answer_s = ANSWER_S

    def wait(self, gen: PQGen[T], *arguments: Any, **options: Any) -> T:
        return super().wait(self._bounded(gen, time.monotonic() + self.answer_s), *arguments, **options)

    def _bounded(self, gen: PQGen[T], give_up_at: float) -> Generator[Any, Any, T]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > give_up_at:
                    self.close()
                    raise psycopg.OperationalError("the server does not answer")
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: T = end.value
            return answer
