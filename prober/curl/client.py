"""The HTTP client: requests that are awaited, and requests whose end is told, over one libcurl engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pycurl

from prober.clock import Clock, SystemClock
from prober.curl.asking import REDIRECTS, Ask, first
from prober.curl.engine import Engine
from prober.curl.exchange import Exchange, Request
from prober.curl.journey import Answer, Journey
from prober.curl.options import Dial
from prober.faults import ProbeError
from prober.model import Failure
from prober.net import Net, guard, literal

HANDLES_KEPT = 256


@dataclass(frozen=True, slots=True)
class Way:
    """What can be known of a request before it is made, worked out once for those that are made again and again."""

    request: Request
    ask: Ask
    """What the first hop asks."""
    dial: Dial | None
    """Where it connects; None where somebody has to be asked."""


class Curl:
    """HTTP over libcurl on the running loop: a new connection for every request, exact phases."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._engine = Engine()
        self._handles: list[Any] = []

    async def fetch(self, request: Request, net: Net, deadline: float) -> Exchange:
        """Make ``request``, over all its redirects, before ``deadline`` on the system's monotonic clock.

        Whatever the target does ends up in the Exchange; nothing is raised but CancelledError.
        """
        journey = self._journey(request, net, deadline)
        failure = None
        try:
            await journey.follow(first(request))
        except ProbeError as error:
            failure = Failure(error.reason, error.message)
        return self._arrived(journey, failure)

    def way(self, request: Request) -> Way:
        """What ``start`` makes use of. Raises ProbeError(internal) as ``fetch`` would fail."""
        ask = first(request)
        address = None if request.proxy else literal(ask.pinned or ask.url.host)
        dial = Dial((address,)) if address and _may_dial(address, request) else None
        return Way(request, ask, dial)

    def start(
        self, way: Way, net: Net, deadline: float, done: Callable[[Callable[[], Exchange]], None]
    ) -> Flight | None:
        """``fetch`` without a task: ``done`` is handed later what gives the Exchange.

        None where the first address has to be asked for. Redirects take a task from there on. Raises ProbeError.
        """
        if way.dial is None:
            return None
        return Flight(self._journey(way.request, net, deadline), way, way.dial, self._arrived, done)

    def close(self) -> None:
        """Stop; requests in flight fail as internal."""
        self._engine.close()
        while self._handles:
            self._handles.pop().close()

    def _journey(self, request: Request, net: Net, deadline: float) -> Journey:
        handle = self._handles.pop() if self._handles else pycurl.Curl()
        return Journey(request, net, deadline, self._clock, self._engine, handle)

    def _arrived(self, journey: Journey, failure: Failure | None) -> Exchange:
        """What came of it. Only here the handle is kept: a cancelled run's may still be in use by the engine."""
        if len(self._handles) < HANDLES_KEPT:
            journey.handle.setopt(pycurl.COOKIELIST, "ALL")
            self._handles.append(journey.handle)
        return journey.trail.exchange(failure)


class Flight:
    """A request under way without a task."""

    __slots__ = ("_arrived", "_dial", "_done", "_journey", "_rest_s", "_task", "_transfer", "_way")

    def __init__(
        self,
        journey: Journey,
        way: Way,
        dial: Dial,
        arrived: Callable[[Journey, Failure | None], Exchange],
        done: Callable[[Callable[[], Exchange]], None],
    ) -> None:
        """Begin it. Raises ProbeError."""
        self._journey, self._way, self._dial = journey, way, dial
        self._arrived, self._done = arrived, done
        self._task: asyncio.Task[Failure | None] | None = None
        self._rest_s = journey.rest_s()
        self._transfer = journey.submit(way.ask, dial, self._rest_s, self._land)

    def cancel(self) -> None:
        """Give it up; ``done`` is not called any more."""
        self._done = _nobody
        if self._task is not None:
            self._task.cancel()
        else:
            self._journey.abandon(self._transfer)

    def _land(self) -> None:
        if self._done is _nobody:
            return
        if self._transfer.status in REDIRECTS and self._way.request.follow:
            self._task = asyncio.create_task(self._follow())
            self._task.add_done_callback(self._end)
        else:
            self._done(self._exchange)

    def _exchange(self) -> Exchange:
        failure = None
        try:
            self._read()
        except ProbeError as error:
            failure = Failure(error.reason, error.message)
        return self._arrived(self._journey, failure)

    async def _follow(self) -> Failure | None:
        try:
            await self._journey.follow(self._way.ask, self._read())
        except ProbeError as error:
            return Failure(error.reason, error.message)
        return None

    def _end(self, task: asyncio.Task[Failure | None]) -> None:
        if self._done is not _nobody:
            self._done(lambda: self._arrived(self._journey, task.result()))

    def _read(self) -> Answer:
        return self._journey.read(self._way.ask, self._transfer, self._dial, 0.0, self._rest_s)


def _nobody(_: object) -> None:
    """Whom a request tells that was given up."""


def _may_dial(address: str, request: Request) -> bool:
    family = request.ip
    if family != "any" and (family == "v6") != (":" in address):
        return False
    try:
        guard(address, allow_link_local=request.allow_link_local, after_public=False)
    except ProbeError:
        return False  # the long way says why
    return True
