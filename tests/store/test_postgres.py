"""PostgreSQL when it is away, slow, frozen, read-only or refuses: a fault soon, and all is well once it is back."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from fakes.postgres import Postgres
from fakes.storing import always, batch, decided, incident, state, until
from sqlalchemy import select, text

from prober.clock import MovedClock
from prober.faults import UserFault
from prober.secret import Secret
from prober.store import Scope, Store, StoreFault, open_store, schema
from prober.store.dialect import Dialect, Impatient
from prober.store.postgres import Server

SHOP = Scope(frozenset({"shop"}))
PASSWORD = "hunter2-and-more"


@pytest.fixture
def shared(url: str) -> Iterator[Store]:
    with closing(open_store(Secret(url))) as store:
        yield store


@contextmanager
def within(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


def test_a_shared_store_has_the_clock_of_its_server_or_the_one_it_is_given(shared: Store, url: str) -> None:
    assert abs(shared.now() - time.time()) < 60
    assert (shared.shared, shared.path) == (True, None)
    with closing(Store(url, MovedClock(5.0))) as moved:
        assert moved.now() == 5.0


@pytest.mark.parametrize("off_s", [-30.0, 30.0])
def test_what_a_region_heard_is_kept_by_the_servers_clock_however_wrong_its_own_is(
    shared: Store, monkeypatch: pytest.MonkeyPatch, off_s: float
) -> None:
    own = MovedClock(shared.now() + off_s)
    monkeypatch.setattr("prober.store.database.SystemClock", lambda: own)
    shared.commit(batch(states=(state(last_at=own.wall() - 5.0),)))
    snapshot = shared.look(SHOP)
    vote = snapshot.votes["shop"]["eu-west-1"]
    assert -1.0 < snapshot.now - vote.heard_at - 5.0 < 10.0
    assert vote.stale_at == vote.heard_at + 60.0


def test_a_session_is_named_and_ends_its_own_waits(shared: Store) -> None:
    names = (
        "application_name",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "tcp_user_timeout",
    )
    with shared._reading() as connection:
        shown = [connection.execute(text(f"SHOW {name}")).scalar() for name in names]
    assert shown[:4] == ["prober", "10s", "8s", "5s"]


def test_a_server_that_is_not_there_yet_is_a_fault_until_it_is(server: Postgres, url: str) -> None:
    with server.stopped():
        with pytest.raises(UserFault, match="cannot be used"):
            Store(url)
        store = Store(url, wait=False)
        with within(4.0), pytest.raises(StoreFault):
            store.commit(batch(states=(state(),)))
        with within(4.0), pytest.raises(StoreFault):
            store.now()
    with closing(store):
        until(lambda: store.commit(batch(states=(state(),))) is not None)
        assert store.states() == (state(),)


def test_a_server_that_stops_is_a_fault_meanwhile_for_every_thread_and_forgotten_after(
    server: Postgres, shared: Store
) -> None:
    def work(number: int) -> None:
        while not ending.is_set():
            begun = time.monotonic()
            try:
                shared.commit(batch(str(time.monotonic()), states=(state(f"check-{number}"),)), always(), SHOP)
                shared.claim("ops", str(number), 5.0)
                done[number] = True
            except StoreFault:
                faulty[number] = True
                ending.wait(0.01)
            longest[number] = max(longest[number], time.monotonic() - begun)

    ending = threading.Event()
    done, faulty, longest = [False] * 6, [False] * 6, [0.0] * 6
    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: all(done))
        with server.stopped():
            until(lambda: all(faulty))
        done[:] = [False] * 6
        until(lambda: all(done))
    finally:
        ending.set()
        for thread in threads:
            thread.join(5.0)
    assert not any(thread.is_alive() for thread in threads)
    assert max(longest) < 6.0


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_server_that_freezes_in_the_middle_of_a_transaction_is_given_up(
    server: Postgres, shared: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Impatient, "answer_s", 0.3)
    with within(4.0), pytest.raises(StoreFault, match="does not answer"), shared._writing() as connection:
        connection.execute(text("INSERT INTO meta (key, value) VALUES ('a', 'b')"))
        with frozen(server.pids(url)):
            connection.execute(text("INSERT INTO meta (key, value) VALUES ('b', 'b')"))
    shared.commit(batch(states=(state(),)))


def test_a_connection_that_froze_while_nobody_used_it_is_replaced(
    server: Postgres, shared: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Impatient, "answer_s", 0.3)
    assert shared.states() == ()
    with frozen(server.pids(url)), within(4.0):
        shared.commit(batch(states=(state(),)))
    assert shared.states() == (state(),)


def test_a_server_that_is_frozen_altogether_is_a_fault(
    server: Postgres, shared: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Impatient, "answer_s", 0.3)
    with frozen([server.pid, *server.pids(url)]), within(6.0), pytest.raises(StoreFault):
        shared.commit(batch(states=(state(),)))
    until(lambda: shared.commit(batch(states=(state(),))) is not None)


def test_a_prober_that_is_stopped_while_it_decides_holds_nobody_up(shared: Store, url: str) -> None:
    place = Server(Secret(url), {"idle_in_transaction_session_timeout": "200ms"})
    with closing(Store("", place=place)) as stopped:
        with pytest.raises(StoreFault), stopped._writing() as connection:
            lock = select(schema.meta.c.value).where(schema.meta.c.key == schema.DECISION).with_for_update()
            connection.execute(lock)
            decided(shared, incidents=(incident(),))
            connection.execute(lock)
        assert len(shared.open_incidents()) == 1
        assert stopped.open_incidents() == shared.open_incidents()


def test_a_decision_that_waits_too_long_for_another_is_a_fault(shared: Store, url: str) -> None:
    hasty = Store("", place=Server(Secret(url), {"lock_timeout": "50ms"}))
    with closing(hasty), shared._writing() as connection:
        connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == schema.DECISION).with_for_update())
        with pytest.raises(StoreFault, match="lock timeout"):
            hasty.commit(batch(states=(state(),)), always(), SHOP)
        assert hasty.states() == ()


def test_a_server_that_became_a_standby_is_left_for_the_one_its_name_leads_to_now(
    server: Postgres, shared: Store, url: str
) -> None:
    name = url.partition("@/")[2].partition("?")[0]
    server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        with closing(Store(url)) as fallen:
            with pytest.raises(StoreFault, match="read-only"):
                fallen.commit(batch(states=(state(),)))
            server.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            fallen.commit(batch(states=(state(),)))
            assert shared.states() == (state(),)
    finally:
        server.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")


@pytest.mark.parametrize(
    ("user", "database", "said"),
    [("guarded", "postgres", "password authentication failed"), ("postgres", "missing", "does not exist")],
    ids=["a wrong password", "a missing database"],
)
def test_a_server_that_refuses_is_a_fault_that_never_shows_the_password(
    server: Postgres, user: str, database: str, said: str
) -> None:
    server.demand_password("guarded", "right")
    url = server.url(database).replace("postgres:@", f"{user}:{PASSWORD}@")
    store = Store(Secret(url), wait=False)
    with closing(store), within(4.0), pytest.raises(StoreFault, match=said) as fault:
        store.states()
    with pytest.raises(UserFault, match=said) as refused:
        Store(url)
    assert PASSWORD not in f"{fault.value!r} {refused.value!r} {store.label}"


def test_a_name_that_takes_for_ever_to_resolve_is_a_fault_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    ending = threading.Event()
    monkeypatch.setattr("prober.store.dialect.RESOLVE_S", 0.1)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [ending.wait()][1:])
    store = Store("postgresql://nowhere.example/prober", wait=False)
    with closing(store), within(3.0), pytest.raises(StoreFault, match=r"nowhere\.example cannot be resolved"):
        store.states()
    ending.set()


def test_a_name_with_several_addresses_is_tried_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [(None, None, None, "", (address, 0)) for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: addresses)
    store = Store("postgresql://db.example:1/prober", wait=False)
    with closing(store), pytest.raises(StoreFault, match=r"127\.0\.0\.1.*127\.0\.0\.2"):
        store.states()


@pytest.mark.parametrize(
    "url",
    [f"postgresql://ann:{PASSWORD}@host:port/prober", f"postgresql://ann:{PASSWORD}@host", "postgresql://"],
)
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UserFault, match="not of the form") as fault:
        Store(url, wait=False)
    assert PASSWORD not in str(fault.value)


def test_a_server_that_names_another_product_is_taken_for_postgresql() -> None:
    class Other:
        def exec_driver_sql(self, _: str) -> "Other":
            return self

        def scalar(self) -> str:
            return "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu)"

    version: object = Dialect()._get_server_version_info(Other())  # type: ignore[arg-type]
    assert version == (13, 0)
