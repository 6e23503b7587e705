"""What takes its time is asked for over one line, any number at once, and answered in any order."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from prober.app.webside.later import Later, answering_later
from prober.faults import Retryable, UserFault


class Prober:
    """What is asked: it settles its answers when the test says so."""

    def __init__(self) -> None:
        self.begun: dict[int, Future[str]] = {}
        self.came = threading.Condition()

    def find(self, name: str) -> Callable[..., Any]:
        return getattr(self, name)  # type: ignore[no-any-return]

    def run(self, number: int) -> Future[str]:
        with self.came:
            self.begun[number] = Future()
            self.came.notify_all()
            return self.begun[number]

    def at_once(self) -> str:
        return "here"

    def refused(self) -> None:
        raise UserFault("it runs already")

    def broken(self) -> None:
        raise KeyError("odd")

    def wait_for(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.begun) == count, 20)


@pytest.fixture
def prober() -> Prober:
    return Prober()


@pytest.fixture
def ends(prober: Prober) -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    answering_later(near, prober.find)
    yield near, far
    with contextlib.suppress(OSError):  # a test has done so
        far.shutdown(socket.SHUT_RDWR)
    far.close()


@pytest.fixture
def later(ends: tuple[socket.socket, socket.socket]) -> Later:
    return Later(ends[1])


def test_hundreds_wait_at_once_and_each_hears_its_own_answer_in_any_order(later: Later, prober: Prober) -> None:
    asked = [later.ask("run", number) for number in range(300)]
    prober.wait_for(300)
    assert later.ask("at_once").result(20) == "here", "who waits keeps nobody else from asking"
    for number in reversed(range(300)):
        prober.begun[number].set_result(f"run {number}")
    assert [one.result(20) for one in asked] == [f"run {number}" for number in range(300)]


def test_what_was_raised_at_once_or_later_is_raised_where_it_was_asked(later: Later, prober: Prober) -> None:
    with pytest.raises(UserFault, match="runs already"):
        later.ask("refused").result(20)
    with pytest.raises(RuntimeError, match="could not answer"):
        later.ask("broken").result(20)
    asked = [later.ask("run", number) for number in range(2)]
    prober.wait_for(2)
    prober.begun[0].set_exception(Retryable("the store is away", 3.0))
    prober.begun[1].cancel()
    with pytest.raises(Retryable, match="store is away"):
        asked[0].result(20)
    with pytest.raises(CancelledError):
        asked[1].result(20)
    assert later.ask("at_once").result(20) == "here"


def test_who_waits_on_a_prober_that_has_gone_hears_of_it_and_so_does_who_asks_then(
    later: Later, prober: Prober, ends: tuple[socket.socket, socket.socket]
) -> None:
    asked = later.ask("run", 1)
    prober.wait_for(1)
    ends[0].shutdown(socket.SHUT_RDWR)
    with pytest.raises(Retryable, match="gone"):
        asked.result(20)
    with pytest.raises(Retryable):
        later.ask("at_once").result(20)


def test_an_answer_that_nobody_reads_any_more_holds_up_no_one_who_gives_it(
    later: Later, prober: Prober, ends: tuple[socket.socket, socket.socket]
) -> None:
    later.ask("run", 1)
    prober.wait_for(1)
    ends[1].shutdown(socket.SHUT_RDWR)
    done = threading.Event()

    def give() -> None:
        prober.begun[1].set_result("x" * 10_000_000)
        done.set()

    threading.Thread(target=give, daemon=True).start()
    assert done.wait(20)
