"""The store in a file: it survives restarts, power cuts and kills, and files that are not well."""

import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import pytest
from fakes.alerts import AT, check, runs
from fakes.storing import TRANSITION, TRIGGERED, addressed, always, batch, incident, state

from prober.clock import MovedClock
from prober.faults import UserFault
from prober.store import Store, StoreFault
from prober.store.sqlite import File


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path, MovedClock(AT))) as opened:
        yield opened


def test_everything_is_there_again_after_a_restart(path: Path) -> None:
    one = batch(results=tuple(runs(check(), "ud?")), states=(state(),), transitions=(TRANSITION,))
    with closing(Store(path)) as store:
        store.commit(one, always(incidents=(incident(),), notices=addressed(TRIGGERED), standings={"shop": {"a": 1}}))
        instance, key = store.instance_id(), store.signing_key()
    with closing(Store(path)) as store:
        assert store.states() == (state(),)
        assert store.transitions("shop") == (TRANSITION,)
        assert store.open_incidents() == (replace(incident(), version=1),)
        assert [r.run_id for r in store.results("shop")] == ["shop-2", "shop-1", "shop-0"]
        assert [(row.channel, row.notice) for row in store.outbox()] == list(addressed(TRIGGERED))
        assert (store.instance_id(), store.signing_key()) == (instance, key)


def test_a_file_gives_back_the_bytes_of_what_was_dropped(store: Store, path: Path) -> None:
    store.commit(batch(results=tuple(runs(check(), "u" * 4_000))))
    with store._writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    store.shrink(300_000)
    store.close()
    assert path.stat().st_size < 400_000 < pages * 4_096


def test_a_store_in_memory_is_a_new_one_every_time() -> None:
    first, second = Store.in_memory(), Store.in_memory()
    first.commit(batch(states=(state(),)))
    assert second.states() == ()
    assert first.instance_id() != second.instance_id()
    assert (first.path, first.set_aside, first.shared) == (None, None, False)
    first.close()
    second.close()


def test_every_commit_is_on_disk_before_it_returns(store: Store) -> None:
    with store._engine.connect() as connection:
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]


def test_a_second_prober_on_the_same_file_is_told_the_pid_of_the_first(store: Store, path: Path) -> None:
    with pytest.raises(UserFault, match=rf"in use by another prober \(pid {os.getpid()}\)"):
        Store(path)
    with closing(Store(path, exclusive=False)) as reader:
        assert reader.states() == ()


def test_a_prober_killed_with_9_leaves_no_lock_behind(path: Path) -> None:
    script = f"from prober.store import Store; s = Store({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=PIPE, stdout=PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(UserFault, match=str(child.pid)):
            Store(path)
        child.kill()
        child.wait()
    Store(path).close()


def filled(path: Path) -> bytes:
    with closing(Store(path)) as store:
        store.commit(batch(results=tuple(runs(check(), "u" * 300))))
    return path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"this is no database at all, and never was" * 100,
        lambda whole: whole[:100] + os.urandom(4_000) + whole[4_100:],
        lambda whole: whole[:4_096] + b"\xff" * (len(whole) - 4_096),
        lambda whole: whole[: len(whole) // 2],
    ],
    ids=["text", "first page", "all other pages", "cut in half"],
)
def test_a_damaged_file_is_moved_aside_and_a_fresh_one_serves(path: Path, damage: Callable[[bytes], bytes]) -> None:
    path.write_bytes(broken := damage(filled(path)))
    with closing(Store(path, MovedClock())) as store:
        assert store.set_aside == path.with_name("prober.db.corrupt-20231114T221320Z")
        assert store.set_aside.read_bytes() == broken
        assert store.states() == ()
        store.commit(batch(results=tuple(runs(check(), "u"))))


def test_beside_a_running_prober_a_damaged_file_is_reported_and_not_moved(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(UserFault, match="not a database"):
        Store(path, exclusive=False)
    assert path.exists()


def test_an_empty_file_is_a_fresh_store(path: Path) -> None:
    path.touch()
    with closing(Store(path)) as store:
        assert store.set_aside is None


def test_a_path_that_cannot_be_a_file_is_one_line_for_the_user(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for bad in (tmp_path, tmp_path / "file" / "prober.db", tmp_path / "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to("/proc/nowhere/prober.db")
        with pytest.raises(UserFault, match="cannot be used"):
            Store(bad)


def test_directories_on_the_way_to_the_file_are_made(tmp_path: Path) -> None:
    Store(tmp_path / "a" / "b" / "prober.db").close()
    assert stat.S_ISREG((tmp_path / "a" / "b" / "prober.db").stat().st_mode)


def test_a_store_locked_by_somebody_else_is_a_fault_that_passes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prober.store.sqlite.BUSY_TIMEOUT_MS", 20)
    with closing(Store(path)) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFault, match="database is locked"):
            store.commit(batch(results=tuple(runs(check(), "u"))))
        assert store.results("shop") == ()
        other.execute("COMMIT")
        store._engine.dispose()
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreFault, match="database is locked"):
            store.results("shop")
        other.execute("COMMIT")
        other.close()
        store.commit(batch(results=tuple(runs(check(), "u"))))
        assert len(store.results("shop")) == 1


def test_a_full_disk_is_a_fault_that_passes(store: Store) -> None:
    def limit(pages: int) -> None:
        store._engine.dispose()
        with store._engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    limit(1)
    with pytest.raises(StoreFault, match="full"):
        for number in range(1_000):
            store.commit(batch(str(number), results=tuple(runs(check(), "u" * 50, 50 * number))))
    count = len(store.results("shop", limit=100_000))
    assert count % 50 == 0
    limit(1_000_000)
    store.commit(batch("later", results=tuple(runs(check(), "u" * 50, 1_000_000))))
    assert len(store.results("shop", limit=100_000)) == count + 50


def test_the_lock_is_not_inherited_by_processes_that_are_started(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=PIPE) as child:
        Store(path).close()
        with closing(Store(path)) as store:
            assert isinstance(store._place, File)
            assert store._place.lock is not None
            assert fcntl.fcntl(store._place.lock._fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        child.communicate(b"\n")
