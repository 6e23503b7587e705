"""Connecting to one known address by callbacks alone, for those who only want to know whether somebody opens."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from time import monotonic

_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EALREADY})


class Knock:
    """One connection that is begun at once, and closed as soon as it stands."""

    __slots__ = ("_loop", "_socket", "_started", "_timer", "_told", "_watched", "connect_s", "error", "place", "wait_s")

    def __init__(self, address: str, port: int, wait_s: float, told: Callable[[], object]) -> None:
        """``told`` is called once, later: when it stands or failed, or after ``wait_s``. Raises OSError."""
        self._told, self.place, self.wait_s = told, (address, port), wait_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._watched = False
        self.connect_s = 0.0
        self.error: int | None = 0
        """The system's errno, 0 for none; None where time ran out."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._started = monotonic()
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        error = self._socket.connect_ex(self.place)
        if error in _UNDER_WAY:
            # Asked again: a peer on this machine has answered before the first call came back.
            error = self._socket.connect_ex(self.place)
        if error in _UNDER_WAY:
            self._timer = self._loop.call_later(max(0.0, wait_s), self._end, None)
            self._loop.add_writer(self._socket, self._look)
            self._watched = True
        else:
            self._finish(error)
            self._loop.call_soon(self._tell)

    def cancel(self) -> None:
        """Give it up; nobody is told any more."""
        self._told = _nobody
        self._finish(0)

    def _look(self) -> None:
        self._end(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _end(self, error: int | None) -> None:
        self._finish(error)
        self._tell()

    def _tell(self) -> None:
        self._told()

    def _finish(self, error: int | None) -> None:
        self.connect_s, self.error = monotonic() - self._started, 0 if error == errno.EISCONN else error
        if self._timer is not None:
            self._timer.cancel()
        if self._watched:
            self._watched = False
            self._loop.remove_writer(self._socket)
        self._socket.close()


def _nobody() -> None:
    """Whom a knock tells that was given up."""
