"""How the web's process asks for what takes its time: any number at once over one line, answered in any order.

Runs and probes last for seconds or minutes: on lines that hold one call each, a few of them would keep everybody else
from asking. Here nobody waits but the future that is given.
"""

from __future__ import annotations

import queue
import socket
import threading
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from io import BufferedRWPair
from itertools import count
from typing import Any

from prober.app.webside.lines import RESULT, Find, answered, hear, say, told_of
from prober.faults import Retryable, describe

Told = tuple[int, str, Any]
"""The number of a question, and the kind and the value of its answer."""


class Later:
    """The asking end. Any thread may ask."""

    def __init__(self, line: socket.socket) -> None:
        self._file = line.makefile("rwb")
        self._numbers = count()
        self._changing = threading.Lock()
        self._waiting: dict[int, Future[Any]] = {}
        self._gone = False
        threading.Thread(target=self._read, name="web-later", daemon=True).start()

    def ask(self, name: str, *args: Any, **more: Any) -> Future[Any]:
        """What ``name`` will have answered, or raised; Retryable where the prober does not answer."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # whoever gives up leaves the prober to end what it began
        with self._changing:
            number = next(self._numbers)
            try:
                if self._gone:
                    raise ConnectionResetError
                say(self._file, number, (name, args, more))
            except OSError as error:
                future.set_exception(Retryable(f"the prober does not listen: {describe(error)}"))
            else:
                self._waiting[number] = future
        return future

    def _read(self) -> None:
        while (told := hear(self._file)) is not None:
            number, kind, value = told
            with self._changing:
                future = self._waiting.pop(number)
            _settle(future, kind, value)
        with self._changing:
            self._gone = True
            left, self._waiting = self._waiting, {}
            with suppress(OSError):  # what could not be sent
                self._file.close()
        for future in left.values():
            future.set_exception(Retryable("the prober has gone"))


def answering_later(line: socket.socket, find: Find) -> None:
    """Answer what is asked on ``line`` until its other end is gone, in threads of their own."""
    answers: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
    file = line.makefile("rwb")
    for work in (_take, _give):
        threading.Thread(target=work, args=(line, file, find, answers), name="web-later", daemon=True).start()


def _take(line: socket.socket, file: BufferedRWPair, find: Find, answers: queue.SimpleQueue[Told | None]) -> None:
    while (asked := hear(file)) is not None:
        number, (name, args, more) = asked
        try:
            value = find(name)(*args, **more)
        except Exception as error:  # noqa: BLE001  a web server's boundary, as in ``lines``
            answers.put((number, *told_of(name, error)))
            continue
        if isinstance(value, Future):
            # Told in whatever thread settles it, which may be the one that probes: it only puts it down.
            value.add_done_callback(partial(_put, answers, number, name))
        else:
            answers.put((number, RESULT, value))
    answers.put(None)


def _give(line: socket.socket, file: BufferedRWPair, find: Find, answers: queue.SimpleQueue[Told | None]) -> None:
    with line, suppress(BrokenPipeError, ConnectionResetError), file:
        while (told := answers.get()) is not None:
            say(file, *told)


def _put(answers: queue.SimpleQueue[Told | None], number: int, name: str, future: Future[Any]) -> None:
    error: BaseException | None = CancelledError() if future.cancelled() else future.exception()
    answers.put((number, *((RESULT, future.result()) if error is None else told_of(name, error))))


def _settle(future: Future[Any], kind: str, value: Any) -> None:
    try:
        future.set_result(answered(kind, value))
    except Exception as error:  # noqa: BLE001  it is raised where the future is asked
        future.set_exception(error)
