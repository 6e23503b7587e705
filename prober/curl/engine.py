"""The thread that drives libcurl: one epoll set over all multi handles, results handed over in batches.

Only this thread may touch a handle between ``submit`` and its future's result.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import threading
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
HELD_S = 0.004  # waking the loop costs as much as a tenth of a probe; their times are libcurl's, and do not grow
HELD = 32


class Lane:
    """One multi handle; libcurl caches one CA store in each, so every set of authorities has its own."""

    def __init__(self, poll: select.epoll, lanes: dict[int, Lane]) -> None:
        self.active: dict[Any, Transfer] = {}
        self.due: float | None = None
        self._poll = poll
        self._lanes = lanes
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
        self._multi.socket_action(fd, mask | pycurl.CSELECT_IN if events & _FAILED else mask)

    def on_due(self) -> None:
        """Let libcurl work on what has timed out."""
        self.due = None
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def finished(self, into: list[Transfer]) -> None:
        """Move every transfer that has ended to ``into``, with its reading taken."""
        left = 1
        while left:
            left, succeeded, failed = self._multi.info_read()
            ended = [(handle, 0, "") for handle in succeeded] + failed
            for handle, code, message in ended:
                transfer = self.active.pop(handle)
                self._multi.remove_handle(handle)
                transfer.read(code, message)
                into.append(transfer)

    def close(self) -> None:
        for transfer in list(self.active.values()):
            self.remove(transfer)
        self._multi.close()

    def _on_timer(self, wait_ms: int) -> None:
        self.due = None if wait_ms < 0 else time.monotonic() + wait_ms / 1000

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
    """The thread itself, started at once and stopped by ``close``."""

    def __init__(self) -> None:
        self._inbox: deque[Transfer] = deque()
        self._stopping = False
        self._asleep = False
        self._poll = select.epoll()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # By its edge: each write wakes once, and nothing has to be read.
        self._poll.register(self._wake_fd, select.EPOLLIN | select.EPOLLET)
        self._sockets: dict[int, Lane] = {}
        # Made now, so that running out of descriptors later keeps nobody from asking without TLS.
        self._lanes: dict[str, Lane] = {"": Lane(self._poll, self._sockets)}
        self._held: list[Transfer] = []
        self._held_until = 0.0
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="curl", daemon=True)
        self._thread.start()

    def submit(self, transfer: Transfer) -> None:
        """Start ``transfer``; it is told of its end in its own loop. Raises ProbeError(internal) once closed."""
        with self._gate:
            if self._stopping:
                raise ProbeError(Reason.INTERNAL, "the HTTP engine has been stopped")
            self._inbox.append(transfer)
        self._wake()

    def abandon(self, transfer: Transfer) -> None:
        """Take ``transfer`` back; its handle must not be used again."""
        transfer.abandoned = True
        self._inbox.append(transfer)
        self._wake()

    def close(self) -> None:
        """Stop the thread; what is in flight fails as internal."""
        with self._gate:
            self._stopping = True
        self._ring()
        self._thread.join()

    def _wake(self) -> None:
        if self._asleep:
            self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # closed in the meantime: nobody is left to wake
            os.eventfd_write(self._wake_fd, 1)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn()
        finally:
            # Also when this thread dies of a bug: whoever waits for it must not wait for ever.
            self._tear_down()

    def _turn(self) -> None:
        self._take_inbox()
        self._take_dues()  # before the poll: what has just been added is due at once
        self._collect()
        self._asleep = True
        # Told to be asleep before it looks a last time: whoever adds after that look sees it and writes.
        events = self._poll.poll(0 if self._inbox or self._stopping else self._wait_s())
        self._asleep = False
        for fd, what in events:
            lane = self._sockets.get(fd)
            if lane is not None:
                lane.on_ready(fd, what)
        if events:
            self._collect()

    def _collect(self) -> None:
        done: list[Transfer] = []
        for lane in self._lanes.values():
            if lane.active:
                lane.finished(done)
        if done or self._held:
            self._tell(done, time.monotonic())

    def _take_dues(self) -> None:
        now = time.monotonic()
        for lane in self._lanes.values():
            if lane.due is not None and lane.due <= now:
                lane.on_due()

    def _tell(self, done: list[Transfer], now: float) -> None:
        """Tell the loop of what has ended, at once or a little later together with others."""
        held = self._held
        if done:
            if not held:
                self._held_until = now + HELD_S
            held += done
        if held and (now >= self._held_until or len(held) >= HELD or not all(t.patient for t in done)):
            self._held = []
            _hand_over(held)

    def _wait_s(self) -> float | None:
        dues = [lane.due for lane in self._lanes.values() if lane.due is not None]
        if self._held:
            dues.append(self._held_until)
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _take_inbox(self) -> None:
        while self._inbox:
            transfer = self._inbox[0]
            if transfer.abandoned:
                self._take_back(transfer)
            else:
                self._begin(transfer)
            self._inbox.popleft()  # only now: if this thread dies in between, the rest is still told of it

    def _begin(self, transfer: Transfer) -> None:
        try:
            self._lane(transfer.authorities).add(transfer)
        except pycurl.error as error:
            # A multi handle needs descriptors and memory of its own.
            transfer.refused = Failure(Reason.FD_EXHAUSTED, f"libcurl cannot begin: {error.args[-1]}")
            _hand_over([transfer])

    def _take_back(self, transfer: Transfer) -> None:
        lane = self._lanes.get(transfer.authorities)
        if lane is not None and lane.remove(transfer):
            transfer.handle.close()

    def _lane(self, authorities: str) -> Lane:
        lane = self._lanes.get(authorities)
        if lane is None:
            self._drop_outdated(authorities.partition("\0")[0])
            lane = self._lanes[authorities] = Lane(self._poll, self._sockets)
        return lane

    def _drop_outdated(self, path: str) -> None:
        """Close idle lanes of an earlier content of the same CA file."""
        for key, lane in list(self._lanes.items()):
            if path and key.partition("\0")[0] == path and not lane.active:
                lane.close()
                del self._lanes[key]

    def _tear_down(self) -> None:
        with self._gate:
            self._stopping = True
        left = [transfer for transfer in self._inbox if not transfer.abandoned]
        for lane in self._lanes.values():
            left += lane.active.values()
            lane.close()
        for transfer in left:
            transfer.refused = transfer.refused or Failure(Reason.INTERNAL, "the HTTP engine was stopped")
        _hand_over(self._held + left)
        self._poll.close()
        os.close(self._wake_fd)


def _hand_over(transfers: list[Transfer]) -> None:
    """Tell each loop once of its transfers; a loop that is closed has nobody waiting."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Transfer]] = {}
    for transfer in transfers:
        by_loop.setdefault(transfer.loop, []).append(transfer)
    for loop, batch in by_loop.items():
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_land, loop, batch)


def _land(loop: asyncio.AbstractEventLoop, batch: list[Transfer]) -> None:
    for transfer in batch:
        loop.call_soon(transfer.landed)  # each on its own: what one runs into must not keep the others waiting
