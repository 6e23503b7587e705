"""How the web's process asks the prober: one call at a time on each of a few lines, answered by a thread of its own.

Pickles are safe here and nowhere else: both ends are this prober, and the pairs of sockets between them have no names
by which anybody else could open them.
"""

from __future__ import annotations

import pickle
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from io import BufferedRWPair
from typing import Any

from prober.faults import ProberFault, Retryable, describe
from prober.log import Log

COUNT = 10
"""So many calls go on at a time."""
VITAL = 2
"""Of these, for ``/metrics`` and health alone, so that no store that is slow keeps them from being answered."""
WAIT_S = 15.0
"""How long a call waits for a line that is free: longer is as good as no answer."""
RESULT, PIECE, FAULT, BROKEN = "result", "piece", "fault", "broken"

Find = Callable[[str], Callable[..., Any]]
"""The function of a name."""
Question = tuple[str, tuple[Any, ...], dict[str, Any]]
"""A name, and what is said to it."""

_log = Log(__name__)


class Lines:
    """The asking end. Any thread may call."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._free: queue.Queue[BufferedRWPair] = queue.Queue()
        for one in sockets:
            self._free.put(one.makefile("rwb"))

    def call(self, name: str, *args: Any, **more: Any) -> Any:
        """What ``name`` answers. Raises what it raised, and Retryable where the prober does not answer."""
        line = self._ask(name, args, more)
        try:
            kind, value = _reply(line)
        finally:
            self._free.put(line)
        return answered(kind, value)

    def stream(self, name: str, *args: Any) -> Iterator[Any]:
        """The pieces of what ``name`` yields; the first is there, or the fault raised, before this returns."""
        line = self._ask(name, args, {})
        pieces = self._pieces(line)
        first = next(pieces, None)
        return pieces if first is None else _joined(first, pieces)

    def _pieces(self, line: BufferedRWPair) -> Iterator[Any]:
        kind = PIECE
        try:
            while True:
                kind, value = _reply(line)
                if kind != PIECE:
                    answered(kind, value)
                    return
                yield value
        finally:
            while kind == PIECE:  # whoever asked has gone: the line must be empty for the next call
                kind, _ = _reply(line)
            self._free.put(line)

    def _ask(self, name: str, args: tuple[Any, ...], more: dict[str, Any]) -> BufferedRWPair:
        try:
            line = self._free.get(timeout=WAIT_S)
        except queue.Empty:
            raise Retryable("the prober is busy with other questions") from None
        try:
            say(line, name, args, more)
        except OSError as error:
            self._free.put(line)
            raise Retryable(f"the prober does not listen: {describe(error)}") from None
        return line


def answering(line: socket.socket, find: Find) -> threading.Thread:
    """A running thread that answers what is asked on ``line`` until its other end is gone."""
    thread = threading.Thread(target=_answer_all, args=(line, find), name="web-line", daemon=True)
    thread.start()
    return thread


def _answer_all(line: socket.socket, find: Find) -> None:
    with line, line.makefile("rwb") as file, suppress(BrokenPipeError, ConnectionResetError):
        while (asked := hear(file)) is not None:
            _answer(file, asked, find)


def _answer(file: BufferedRWPair, asked: Question, find: Find) -> None:
    name, args, more = asked
    try:
        _tell(file, find(name)(*args, **more))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # noqa: BLE001  a web server's boundary: what breaks one answer must not end the line
        say(file, *told_of(name, error))


def _tell(file: BufferedRWPair, value: Any) -> None:
    if isinstance(value, Iterator):
        for piece in value:
            say(file, PIECE, piece)
        value = None
    say(file, RESULT, value)


def told_of(name: str, error: BaseException) -> tuple[str, Any]:
    """How the other end is told that ``name`` raised ``error``; what nobody meant to raise goes into the log."""
    if isinstance(error, ProberFault | CancelledError):  # what was asked of a prober that ends is cancelled
        return FAULT, error
    _log.error("the web asked and something broke", asked=name, exc_info=error)
    return BROKEN, describe(error)


def answered(kind: str, value: Any) -> Any:
    """What was answered. Raises what was raised."""
    if kind == FAULT:
        raise value
    if kind == BROKEN:
        raise RuntimeError(f"the prober could not answer: {value}")
    return value


def say(file: BufferedRWPair, *message: Any) -> None:
    """Send ``message`` as a whole, or, where it cannot be packed, nothing of it."""
    file.write(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))
    file.flush()


def hear(file: BufferedRWPair) -> Any:
    """The next message; None once the other end is gone."""
    try:
        return pickle.load(file)  # noqa: S301  see above
    except (EOFError, OSError, ValueError):  # the last of a file that was closed meanwhile
        return None


def _reply(line: BufferedRWPair) -> tuple[str, Any]:
    return hear(line) or (FAULT, Retryable("the prober has gone"))


def _joined(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    try:
        yield first
        yield from rest
    finally:
        rest.close()  # type: ignore[attr-defined]  # a generator's
