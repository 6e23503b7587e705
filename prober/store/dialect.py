"""SQLAlchemy's way of speaking to PostgreSQL, with less trust in the server: it may be another, or stop answering."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Generator, Mapping
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

ANSWER_S = 12.0
"""A server that was asked must not be silent for longer; its own timeouts are shorter, if it is well."""
RESOLVE_S = 3.0
"""A name must be resolved by then: where the network is gone, the system's resolver goes on for half a minute."""
SPOKEN = (13, 0)
"""The version of PostgreSQL that a server is taken for that names another product."""

T = TypeVar("T")


class Dialect(PGDialect_psycopg):
    """PostgreSQL's own dialect, for servers that only speak like it too."""

    supports_statement_cache = True

    def connect(self, *arguments: Any, **options: Any) -> Any:
        return Impatient.connect(*arguments, **{**options, **_addresses(options)})

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
        return super().wait(self._bounded(gen), *arguments, **options)

    def _bounded(self, gen: PQGen[T]) -> Generator[Any, Any, T]:
        heard = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > self.answer_s:
                    self.close()
                    raise psycopg.OperationalError("the server does not answer")
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: T = end.value
            return answer


def _addresses(options: Mapping[str, Any]) -> dict[str, str]:
    """The addresses of the server's name, beside it; nothing where it has none, or several."""
    host = str(options.get("host", ""))
    if not host or "/" in host or "," in host or "hostaddr" in options:
        return {}
    found: list[str] = []
    # Nothing can hurry the system's resolver; a thread that waits for it can be left behind.
    asking = threading.Thread(target=_resolve, args=(host, found), daemon=True)
    asking.start()
    asking.join(RESOLVE_S)
    addresses = list(dict.fromkeys(found))
    if not addresses:
        raise psycopg.OperationalError(f"the name {host} cannot be resolved")
    return {"host": ",".join([host] * len(addresses)), "hostaddr": ",".join(addresses)}


def _resolve(host: str, found: list[str]) -> None:
    with contextlib.suppress(OSError, UnicodeError):
        found += [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
