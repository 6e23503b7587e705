"""The lines between the prober and its web's process: what is asked at one end is answered at the other."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from prober.app.webside.lines import Lines, answering
from prober.faults import Retryable, UserFault


class Prober:
    """What is asked."""

    def __init__(self) -> None:
        self.pieces_made = 0
        self.gate = threading.Event()

    def find(self, name: str) -> Callable[..., Any]:
        return getattr(self, name)  # type: ignore[no-any-return]

    def add(self, one: int, other: int = 1) -> int:
        return one + other

    def pieces(self, count: int) -> Iterator[bytes]:
        for number in range(count):
            self.pieces_made += 1
            yield b"%d" % number

    def away(self) -> None:
        raise Retryable("the store is away", 3.0)

    def wrong(self) -> None:
        raise UserFault("there is no such check")

    def broken(self) -> None:
        raise KeyError("odd")

    def unspeakable(self) -> object:
        return lambda: None

    def wait(self) -> str:
        self.gate.wait()
        return "open"


@pytest.fixture
def prober() -> Prober:
    return Prober()


@pytest.fixture
def ends(prober: Prober) -> Iterator[list[socket.socket]]:
    pairs = [socket.socketpair() for _ in range(2)]
    threads = [answering(near, prober.find) for near, _ in pairs]
    far = [other for _, other in pairs]
    yield far
    prober.gate.set()
    for one in far:
        with contextlib.suppress(OSError):  # a test has done so
            one.shutdown(socket.SHUT_RDWR)
        one.close()
    assert all(not thread.is_alive() for thread in threads if thread.join(10) is None)


@pytest.fixture
def lines(ends: list[socket.socket]) -> Lines:
    return Lines(ends)


def test_an_answer_comes_back(lines: Lines) -> None:
    assert lines.call("add", 2, other=3) == 5


def test_pieces_come_one_by_one_and_the_line_is_free_after_them(lines: Lines, prober: Prober) -> None:
    assert list(lines.stream("pieces", 3)) == [b"0", b"1", b"2"]
    assert list(lines.stream("pieces", 0)) == []
    for _ in range(5):  # more often than there are lines
        some = lines.stream("pieces", 100)
        assert next(some) == b"0"
        some.close()  # type: ignore[attr-defined]
    assert prober.pieces_made == 503
    assert lines.call("add", 1) == 2


def test_what_was_raised_is_raised_with_all_it_says(lines: Lines) -> None:
    with pytest.raises(Retryable, match="the store is away") as raised:
        lines.call("away")
    assert raised.value.after_s == 3.0
    with pytest.raises(UserFault, match="no such check"):
        lines.call("wrong")
    with pytest.raises(Retryable):
        lines.stream("away")


@pytest.mark.parametrize("name", ["broken", "unspeakable", "unheard_of"])
def test_what_breaks_an_answer_breaks_neither_the_line_nor_its_thread(lines: Lines, name: str) -> None:
    for _ in range(3):
        with pytest.raises(RuntimeError, match="could not answer"):
            lines.call(name)
    assert lines.call("add", 1) == 2


def test_as_many_calls_go_on_at_a_time_as_there_are_lines(lines: Lines, prober: Prober) -> None:
    with ThreadPoolExecutor(4) as callers:
        waiting = [callers.submit(lines.call, "wait") for _ in range(4)]
        prober.gate.set()
        assert [one.result(10) for one in waiting] == ["open"] * 4


def test_a_prober_that_has_gone_is_worth_another_try(lines: Lines, ends: list[socket.socket]) -> None:
    for one in ends:
        one.shutdown(socket.SHUT_RDWR)
    for _ in range(3):
        with pytest.raises(Retryable, match="the prober"):
            lines.call("add", 1)
