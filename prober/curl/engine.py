"""libcurl on the event loop: one epoll set over all multi handles, which the loop watches as a single descriptor.

What libcurl does and what is made of it take turns on one thread. On a thread of its own every callback of libcurl had
to wait for the interpreter's lock, which cost more processor time, and more truth, than the work it was kept from.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pycurl

from prober.curl.transfer import Transfer
from prober.faults import ProbeError
from prober.model import Failure, Reason

_FAILED = select.EPOLLERR | select.EPOLLHUP
_CONNECTIONS_KEPT = 1  # none is ever reused
LANDED_AT_ONCE = 16  # more than ever begin at once, so that runs do not pile up when all of it takes too long
_NEVER = float("inf")
_SLACK_S = 0.0005  # libcurl counts in whole milliseconds, and calls a timer that comes early for nothing


class Lane:
    """One multi handle; libcurl caches one CA store in each, so every set of authorities has its own."""

    def __init__(self, poll: select.epoll, lanes: dict[int, Lane]) -> None:
        self.active: dict[Any, Transfer] = {}
        self.due = _NEVER
        self._poll = poll
        self._lanes = lanes
        self._running = 0
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, _CONNECTIONS_KEPT)
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)

    def add(self, transfer: Transfer) -> None:
        self._multi.add_handle(transfer.handle)
        self.active[transfer.handle] = transfer

    def remove(self, transfer: Transfer) -> bool:
        """Take ``transfer`` out again; whether it was there."""
        if self.active.get(transfer.handle) is not transfer:
            return False
        del self.active[transfer.handle]
        self._multi.remove_handle(transfer.handle)
        return True

    def on_ready(self, fd: int, events: int) -> None:
        """Let libcurl work on a socket that epoll named."""
        mask = (pycurl.CSELECT_IN if events & select.EPOLLIN else 0) | (
            pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0
        )
        _, self._running = self._multi.socket_action(fd, mask | pycurl.CSELECT_IN if events & _FAILED else mask)

    def on_due(self) -> None:
        """Let libcurl work on what has timed out."""
        self.due = _NEVER
        _, self._running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def finished(self, into: deque[Transfer]) -> None:
        """Move every transfer that has ended to ``into``, with its reading taken."""
        while self._running < len(self.active):
            left, succeeded, failed = self._multi.info_read()
            ended = [(handle, 0, "") for handle in succeeded] + failed
            for handle, code, message in ended:
                transfer = self.active.pop(handle)
                self._multi.remove_handle(handle)
                transfer.read(code, message)
                into.append(transfer)
            if not left:
                return

    def close(self) -> None:
        for transfer in list(self.active.values()):
            self.remove(transfer)
        self._multi.close()

    def _on_timer(self, wait_ms: int) -> None:
        self.due = _NEVER if wait_ms < 0 else time.monotonic() + wait_ms / 1000

    def _on_socket(self, wanted: int, fd: int, multi: Any, data: Any) -> None:
        if wanted == pycurl.POLL_REMOVE:
            if self._lanes.pop(fd, None) is not None:
                with contextlib.suppress(OSError):  # closed before libcurl told
                    self._poll.unregister(fd)
            return
        events = (select.EPOLLIN if wanted & pycurl.POLL_IN else 0) | (
            select.EPOLLOUT if wanted & pycurl.POLL_OUT else 0
        )
        change: Callable[[int, int], None] = self._poll.modify if fd in self._lanes else self._poll.register
        change(fd, events)
        self._lanes[fd] = self


class Engine:
    """All transfers of one loop, the running one. Everything is called in it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._poll = select.epoll()
        self._sockets: dict[int, Lane] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = _NEVER
        self._landing: deque[Transfer] = deque()
        self._lands = False
        # Made now, so that running out of descriptors later keeps nobody from asking without TLS.
        self._lanes: dict[str, Lane] = {"": self._new_lane()}
        self._closed = False
        self._loop.add_reader(self._poll, self._on_ready)

    def submit(self, transfer: Transfer) -> None:
        """Start ``transfer``; it is told of its end later. Raises ProbeError(internal) once closed."""
        if self._closed:
            raise ProbeError(Reason.INTERNAL, "the HTTP engine has been stopped")
        try:
            lane = self._lane(transfer.authorities)
            lane.add(transfer)
        except pycurl.error as error:
            # A multi handle needs descriptors and memory of its own.
            transfer.refused = Failure(Reason.FD_EXHAUSTED, f"libcurl cannot begin: {error.args[-1]}")
            self._landing.append(transfer)
        else:
            lane.on_due()  # what has just been added is due at once
            self._collect(lane)
        self._land_soon()

    def abandon(self, transfer: Transfer) -> None:
        """Take ``transfer`` back; its handle must not be used again."""
        transfer.abandoned = True
        lane = self._lanes.get(transfer.authorities)
        if lane is not None and lane.remove(transfer):
            transfer.handle.close()

    def close(self) -> None:
        """Stop; what is in flight fails as internal."""
        if self._closed:
            return
        self._closed = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._poll)
        if self._timer is not None:
            self._timer.cancel()
        for lane in self._lanes.values():
            for transfer in lane.active.values():
                transfer.refused = Failure(Reason.INTERNAL, "the HTTP engine was stopped")
                self._landing.append(transfer)
            lane.close()
        self._lanes.clear()
        self._poll.close()
        if not self._loop.is_closed():
            self._land_soon()

    def _on_ready(self) -> None:
        self._look()
        self._land_soon()

    def _look(self) -> None:
        if self._closed:  # what was in flight is still to be told of that
            return
        for fd, what in self._poll.poll(0):
            lane = self._sockets.get(fd)
            if lane is not None:
                lane.on_ready(fd, what)
        for lane in self._lanes.values():
            self._collect(lane)

    def _on_timer(self) -> None:
        self._timer, self._wakes_at = None, _NEVER
        now = time.monotonic() + _SLACK_S
        for lane in self._lanes.values():
            if lane.due <= now:
                lane.on_due()
            self._collect(lane)
        self._land_soon()

    def _collect(self, lane: Lane) -> None:
        """What to do after libcurl has worked: see what has ended, and when it wants to work again."""
        if lane.active:
            lane.finished(self._landing)
        if lane.due < self._wakes_at:  # a timer that goes off too early for another one is rare, and sets the next
            self._wake_at(lane.due)

    def _wake_at(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes_at = due
        self._timer = self._loop.call_later(max(0.0, due - time.monotonic()), self._on_timer)

    def _land_soon(self) -> None:
        if self._landing and not self._lands:
            self._lands = True
            self._loop.call_soon(self._land)

    def _land(self) -> None:
        """Tell some of their end, and look at the sockets after each: their times must not wait for who is told."""
        self._lands = False
        try:
            for _ in range(min(LANDED_AT_ONCE, len(self._landing))):
                transfer = self._landing.popleft()
                if not transfer.abandoned:
                    transfer.landed()
                self._look()
        finally:  # what one runs into must not keep the others waiting
            self._land_soon()

    def _new_lane(self) -> Lane:
        return Lane(self._poll, self._sockets)

    def _lane(self, authorities: str) -> Lane:
        lane = self._lanes.get(authorities)
        if lane is None:
            self._drop_outdated(authorities.partition("\0")[0])
            lane = self._lanes[authorities] = self._new_lane()
        return lane

    def _drop_outdated(self, path: str) -> None:
        """Close idle lanes of an earlier content of the same CA file."""
        for key, lane in list(self._lanes.items()):
            if path and key.partition("\0")[0] == path and not lane.active:
                lane.close()
                del self._lanes[key]
