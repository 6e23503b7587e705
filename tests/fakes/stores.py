"""Fixtures of every kind of store: a file, memory, and PostgreSQL."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from fakes.alerts import AT
from fakes.postgres import Postgres, postgres
from prober.clock import MovedClock
from prober.store import Store

KINDS = ("sqlite", "memory", "postgresql")


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """PostgreSQL, once per worker; a test that asks for it fails where it cannot be had."""
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def template(server: Postgres) -> str:
    """The URL of a database whose tables are there and empty."""
    url = server.create()
    Store(url).close()
    return url


@pytest.fixture
def url(server: Postgres, template: str) -> Iterator[str]:
    """The URL of that database, which is emptied afterwards."""
    yield template
    with psycopg.connect(template, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in tables:
            if name not in {"alembic_version", "meta"}:
                connection.execute(f"DELETE FROM {name}".encode())
        connection.execute("DELETE FROM meta WHERE key NOT IN ('schema_version', 'migration', 'decision')")


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose tables are there and empty."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    Store(path).close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prober.db"


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(AT)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, clock: MovedClock) -> Iterator[Store]:
    """An empty store of each kind, at AT."""
    with closing(opened(request, clock)) as store:
        yield store


def opened(request: pytest.FixtureRequest, clock: MovedClock) -> Store:
    if request.param == "memory":
        return Store.in_memory(clock)
    if request.param == "postgresql":
        return Store(request.getfixturevalue("url"), clock)
    path: Path = request.getfixturevalue("path")
    shutil.copy(request.getfixturevalue("empty_file"), path)
    return Store(path, clock)
