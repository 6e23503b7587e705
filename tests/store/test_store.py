"""The store on real files: what is written comes back, all of it or nothing, also from files that are not well."""

import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from fakes.alerts import AT, REGION, TRIGGER, check, notice, run, runs

from prober.clock import MovedClock
from prober.faults import UserFault
from prober.model import Artifact, Incident, Notice, NoticeKind, Observation, Reason, Step, Transition, Verdict
from prober.state import State
from prober.store import Batch, Store, StoreFault, Told
from prober.store.rows import PAYLOAD_CHARS, notice_json
from prober.store.rows import notice as read_notice

TRANSITION = Transition("shop", REGION, Verdict.UP, Verdict.DOWN, AT + 60.5, AT)
TRIGGERED, REMINDED, RESOLVED = NoticeKind.TRIGGER, NoticeKind.REMINDER, NoticeKind.RESOLVE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prober.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path, MovedClock())) as opened:
        yield opened


def told(incident: str = "5f2b", check_id: str = "shop", closed_at: float | None = None) -> Told:
    subject = replace(TRIGGER, incident_id=incident, check_id=check_id)
    return Told(Incident(incident, check_id, REGION, Reason.STATUS, "503", AT, closed_at), subject, ("ops", "hook"))


def batch(token: str = "1", **parts: Any) -> Batch:
    return Batch("eu", token, **parts)


def addressed(*kinds: NoticeKind, incident: str = "5f2b", channel: str = "ops") -> tuple[tuple[str, Notice], ...]:
    return tuple((channel, notice(incident, kind, channel)) for kind in kinds)


def ids(store: Store, now: float = AT, channel: str = "ops") -> list[str]:
    return [row.id for row in store.due(channel, now)]


def test_everything_of_a_batch_comes_back_also_after_a_restart(path: Path) -> None:
    state = State("shop", REGION, Verdict.DOWN, failures=3).to_dict()
    with closing(Store(path)) as store:
        store.commit(
            batch(
                results=tuple(runs(check(), "ud?")),
                states=(state,),
                transitions=(TRANSITION,),
                incidents=(told(),),
                notices=addressed(TRIGGERED),
            )
        )
    with closing(Store(path)) as store:
        assert store.states() == (state,)
        assert store.transitions("shop") == (TRANSITION,)
        assert store.open_incidents() == store.incidents() == (told(),)
        assert [(r.run_id, r.verdict) for r in store.results("shop")] == [
            ("shop-2", Verdict.UNKNOWN),
            ("shop-1", Verdict.DOWN),
            ("shop-0", Verdict.UP),
        ]
        failed = store.results("shop")[1]
        assert failed.payload["outcomes"][0]["seen"] == "503"
        assert failed.payload["phases"] == {"total": 0.5}
        (row,) = store.due("ops", AT)
        assert row.notice == notice("5f2b", TRIGGERED)


def test_a_notice_survives_its_json_and_keys_of_a_later_release() -> None:
    assert read_notice(notice_json(TRIGGER)) == TRIGGER
    assert read_notice(notice_json(TRIGGER)[:-1] + ', "quorum": 2}') == TRIGGER


def test_a_batch_that_breaks_halfway_leaves_nothing(store: Store) -> None:
    twice = (*addressed(TRIGGERED), *addressed(TRIGGERED))
    with pytest.raises(StoreFault):
        store.commit(batch(results=tuple(runs(check(), "d")), incidents=(told(),), notices=twice))
    assert store.results("shop") == store.open_incidents() == ()


def test_a_batch_committed_twice_is_written_once(store: Store) -> None:
    one = batch(results=tuple(runs(check(), "d")), transitions=(TRANSITION,), notices=addressed(TRIGGERED))
    store.commit(one)
    store.commit(one)
    assert len(store.results("shop")) == len(store.transitions("shop")) == len(store.outbox()) == 1


def test_one_batch_may_close_an_incident_and_open_the_next(store: Store) -> None:
    store.commit(batch(incidents=(told("1"),)))
    store.commit(batch("2", incidents=(told("2"), told("1", closed_at=AT + 60))))
    assert [t.incident.id for t in store.open_incidents()] == ["2"]


def test_a_check_never_has_two_open_incidents(store: Store) -> None:
    with pytest.raises(StoreFault):
        store.commit(batch(incidents=(told("1"), told("2"))))


def test_states_are_replaced_and_forgotten_by_check_and_region(store: Store) -> None:
    here, there = State("shop", REGION).to_dict(), State("shop", "us-east-1").to_dict()
    store.commit(batch(states=(here, there)))
    store.commit(batch("2", states=({**here, "failures": 2},), forgotten=(("shop", "us-east-1"), ("none", REGION))))
    assert store.states() == ({**here, "failures": 2},)


def test_results_are_bounded_and_hold_nothing_json_cannot(store: Store) -> None:
    observed = Observation(
        0.5,
        phases={"total": float("nan"), "tls": 0.1},
        facts={"text": "x" * PAYLOAD_CHARS},
        steps=(Step("Pay", Verdict.DOWN, 1.0),),
        artifacts=(Artifact("screenshot", "a.png"),),
    )
    result = replace(run(check(), Verdict.DOWN), observation=observed, message="nul \0 surrogate \udcff " + "m" * 9_999)
    store.commit(batch(results=(result,)))
    (kept,) = store.results("shop")
    assert kept.payload["phases"] == {"total": None, "tls": 0.1}
    assert kept.payload["cut"] is True
    assert len(kept.message) <= 2_000
    store.commit(batch("2", results=(replace(result, observation=replace(observed, facts={})),)))
    assert store.results("shop")[0].payload["steps"][0]["name"] == "Pay"
    assert store.results("shop")[0].payload["artifacts"][0]["path"] == "a.png"


def test_of_each_incident_only_the_first_notice_that_waits_is_due(store: Store) -> None:
    store.commit(batch(notices=(*addressed(TRIGGERED, RESOLVED), *addressed(TRIGGERED, incident="77"))))
    assert ids(store) == ["5f2b-trigger-ops", "77-trigger-ops"]
    store.postpone("5f2b-trigger-ops", AT + 10, "503")
    assert ids(store) == ["77-trigger-ops"]
    store.mark_sent("77-trigger-ops", AT, "200 ok")
    assert store.next_due("ops") == AT + 10
    (row,) = store.due("ops", AT + 10)
    assert (row.attempts, row.detail) == (1, "503")
    store.mark_sent("5f2b-trigger-ops", AT + 10, "200 ok")
    assert ids(store) == ["5f2b-resolve-ops"]
    assert store.pending() == {"ops": 1}
    assert [row.status for row in store.outbox()] == ["sent", "pending", "sent"]


def test_one_channel_does_not_wait_for_another(store: Store) -> None:
    store.commit(batch(notices=(*addressed(TRIGGERED), *addressed(TRIGGERED, RESOLVED, channel="hook"))))
    store.mark_sent("5f2b-trigger-hook", AT, "")
    assert ids(store, channel="hook") == ["5f2b-resolve-hook"]
    assert ids(store) == ["5f2b-trigger-ops"]


def test_a_resolve_is_orphaned_when_its_trigger_was_given_up(store: Store) -> None:
    store.commit(batch(notices=addressed(TRIGGERED, RESOLVED)))
    store.park("5f2b-trigger-ops", AT, "answered 404: no_service")
    (row,) = store.due("ops", AT)
    assert (row.id, row.orphaned) == ("5f2b-resolve-ops", True)
    assert store.outbox(status="parked")[0].detail == "answered 404: no_service"


def test_what_is_due_absurdly_late_was_stamped_by_a_clock_that_was_put_back(store: Store) -> None:
    store.commit(batch(notices=addressed(TRIGGERED)))
    store.postpone("5f2b-trigger-ops", AT + 300, "503")
    assert ids(store, now=AT) == []
    assert ids(store, now=AT - 86_400) == ["5f2b-trigger-ops"]


def test_pruning_drops_the_old_and_keeps_what_is_open_or_waits(store: Store) -> None:
    store.commit(
        batch(
            results=tuple(runs(check(), "u" * 10)),
            transitions=(TRANSITION, replace(TRANSITION, at=AT + 900)),
            incidents=(told("old", "a", AT + 10), told("new", "b", AT + 900), told("open", "c")),
            notices=tuple(
                pair for name in ("old", "new", "open") for pair in addressed(TRIGGERED, RESOLVED, incident=name)
            ),
        )
    )
    for name in ("old", "new", "open"):
        store.mark_sent(f"{name}-trigger-ops", AT + 5, "")
    assert store.prune(AT + 120) == 4 + 1 + 1 + 1
    assert len(store.results("shop")) == 6
    assert sorted(t.incident.id for t in store.incidents()) == ["new", "open"]
    assert len(store.outbox()) == 5


def test_pruning_goes_piece_by_piece_until_all_is_gone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prober.store.database.PRUNE_ROWS", 3)
    store.commit(batch(results=tuple(runs(check(), "u" * 10))))
    assert store.prune(AT + 9_999) == 10


def test_threads_write_and_read_at_once_without_getting_in_each_others_way(store: Store) -> None:
    faults: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for number in range(30):
                store.commit(Batch(f"w{writer}", str(number), results=(run(check(), Verdict.UP, number),)))
                store.results("shop")
        except StoreFault as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(store.results("shop", limit=1_000)) == 120


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


def test_a_store_of_a_newer_release_is_left_alone(path: Path) -> None:
    Store(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    for _ in range(2):
        with pytest.raises(UserFault, match="newer prober"):
            Store(path)


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
            store.commit(batch(str(number), results=tuple(runs(check(), "u" * 50))))
    count = len(store.results("shop", limit=100_000))
    assert count % 50 == 0
    limit(1_000_000)
    store.commit(batch("later", results=tuple(runs(check(), "u" * 50))))
    assert len(store.results("shop", limit=100_000)) == count + 50


def test_the_lock_is_not_inherited_by_processes_that_are_started(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=PIPE) as child:
        Store(path).close()
        with closing(Store(path)) as store:
            assert store._lock is not None
            assert fcntl.fcntl(store._lock._fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        child.communicate(b"\n")
