"""Stores of earlier releases come forward with all they hold, and the release before can go on using them."""

import math
import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fakes import released
from fakes.alerts import AT
from fakes.postgres import Postgres
from fakes.storing import RESOLVED, TRIGGERED, UPDATED, addressed, batch, decided, ids, incident, state
from sqlalchemy import Connection, create_engine, text

from prober.clock import MovedClock
from prober.faults import UserFault
from prober.model import Condition
from prober.store import Scope, Store, StoreFault, schema
from prober.store.migrations import HEAD

SHOP = Scope(frozenset({"shop"}))
LATER = f"{schema.VERSION + 1:04d}"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, path: Path) -> Iterator[Path | str]:
    """An empty file or database."""
    if request.param == "sqlite":
        yield path
        return
    server: Postgres = request.getfixturevalue("server")
    url = server.create()
    yield url
    server.drop(url)


def write_as_released(place: Path | str) -> None:
    url = f"sqlite:///{place}" if isinstance(place, Path) else place.replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url)
    with engine.begin() as connection:
        released.make(connection)
    engine.dispose()


def version(connection: Connection) -> str:
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


@pytest.mark.parametrize("old", [False, True], ids=["fresh", "released"])
def test_a_fresh_store_and_a_released_one_end_with_the_tables_that_are_declared(place: Path | str, old: bool) -> None:
    if old:
        write_as_released(place)
    for _ in range(2):
        with closing(Store(place)) as store, store._writing() as connection:
            assert version(connection) == HEAD
            assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
            indexes = {(table.name, index.name) for table in schema.metadata.sorted_tables for index in table.indexes}
            assert {(row[0], row[1]) for row in connection.execute(text(_INDEXES[connection.dialect.name]))} >= indexes


_INDEXES = {
    "sqlite": "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT tablename, indexname FROM pg_indexes",
}


def test_what_the_first_release_wrote_is_read_as_it_was_meant(place: Path | str) -> None:
    write_as_released(place)
    with closing(Store(place, MovedClock(AT))) as store:
        assert [(r.run_id, r.runs) for r in store.results("shop")] == [("r2", 1), ("r1", 1)]
        assert store.states()[0]["failures"] == 3
        assert len(store.transitions("shop")) == 1
        (going_on,) = store.open_incidents()
        assert (going_on.id, going_on.condition, going_on.channels) == ("open", Condition.DOWN, ("ops", "hook"))
        assert (going_on.finished, going_on.told_at, going_on.decided_at) == (False, AT + 60.5, AT + 60.5)
        over = store.incident("closed")
        assert over is not None
        assert (over.finished, over.closed_at) == (True, AT + 60)
        vote = store.look(SHOP).votes["shop"]["eu"]
        assert (vote.heard_at, vote.stale_at) == (AT, math.inf)
        row = store.claim("ops", "me", 30.0)
        assert row is not None
        assert row.notice == released.told("open")
        decided(store, incidents=(replace(going_on, finished=True, closed_at=AT + 70),))
        assert store.open_incidents() == ()


def test_a_prober_of_the_first_release_goes_on_beside_this_one(place: Path | str) -> None:
    write_as_released(place)
    with closing(Store(place, MovedClock(AT))) as store:
        store.commit(batch(states=({**state(region="eu"), "failures": 1, "last_at": AT - 600},)))
        notices = addressed(TRIGGERED, UPDATED, RESOLVED, incident="more")
        decided(store, incidents=(incident("more", "b"),), notices=notices)
        with store._writing() as connection:
            seen = released.use(connection)
        assert seen == (["more", "second"], ["open-trigger", *(notice.id for _, notice in notices), "second-trigger"])
        with store._reading() as connection:
            kinds = connection.execute(text("SELECT payload FROM outbox")).scalars()
            assert not any('"kind": "update"' in payload for payload in kinds)
        assert store.results("shop")[0].run_id == "r9"
        vote = store.look(SHOP).votes["shop"]["eu"]
        assert (vote.state["failures"], vote.heard_at, vote.stale_at) == (4, AT, math.inf)
        assert sorted(ids(store.open_incidents())) == ["more", "second"]
        (second,) = (one for one in store.open_incidents() if one.id == "second")
        decided(store, "2", incidents=(replace(second, flapping=True),))
        with store._writing() as connection:
            released.incident(connection, "second", "search", closed_at=AT + 99)
        later = store.incident("second")
        assert later is not None
        assert (later.closed_at, later.finished, later.flapping) == (AT + 99, False, True)
    Store(place).close()


def test_a_store_that_this_prober_cannot_use_any_more_is_left_alone(place: Path | str) -> None:
    with closing(Store(place)) as store, store._writing() as connection:
        connection.execute(text("UPDATE meta SET value = '99' WHERE key = 'schema_version'"))
    for _ in range(2):
        with pytest.raises(UserFault, match=rf"newer prober \(schema 99, this one knows {schema.VERSION}\)"):
            Store(place)
    with closing(Store(place, wait=False)) as store, pytest.raises(StoreFault, match="newer prober"):
        store.states()


def test_a_store_of_a_later_release_that_this_prober_can_use_is_used(place: Path | str) -> None:
    with closing(Store(place)) as store, store._writing() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{LATER}'"))
        connection.execute(text("UPDATE meta SET value = '2' WHERE key = 'schema_version'"))
    with closing(Store(place)) as store:
        store.commit(batch(states=(state(),)))
        assert store.states() == (state(),)
        with store._reading() as connection:
            assert version(connection) == LATER


def test_three_probers_that_start_at_once_on_an_empty_database_all_come_up(server: Postgres) -> None:
    url = server.create()
    forking = multiprocessing.get_context("fork")
    line = forking.Barrier(3)
    started = [forking.Process(target=come_up, args=(url, line)) for _ in range(3)]
    for child in started:
        child.start()
    for child in started:
        child.join()
    assert [child.exitcode for child in started] == [0, 0, 0]
    server.drop(url)


def come_up(url: str, line: Barrier) -> None:
    line.wait()
    with closing(Store(url)) as store:
        assert store.states() == ()


def test_a_migration_that_breaks_leaves_the_store_as_it_was(place: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_as_released(place)
    with monkeypatch.context() as patched:
        patched.setattr(schema, "upsert", lambda *_: 1 / 0)  # after the last step
        with pytest.raises(ZeroDivisionError):
            Store(place)
    with closing(Store(place)) as store:
        assert ids(store.open_incidents()) == ["open"]
