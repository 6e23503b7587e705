"""The way of one request from hop to hop: resolve, guard, dial, read, and on to where a redirect leads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pycurl

from prober.clock import Clock
from prober.curl.asking import REDIRECTS, Ask, redirected
from prober.curl.engine import Engine
from prober.curl.exchange import Request
from prober.curl.failures import Case, failure_of
from prober.curl.options import Dial, configure, dial_proxy, proxy_place
from prober.curl.trail import Headers, Trail
from prober.curl.transfer import Transfer
from prober.faults import ProbeError
from prober.model import Failure, Reason
from prober.net import Net, guard, is_public, literal

Answer = tuple[int, Headers]


class Journey:
    """One request on its way, on one handle, whose cookies so last from hop to hop."""

    __slots__ = ("_been_public", "_clock", "_deadline", "_engine", "_net", "_request", "handle", "trail")

    def __init__(self, request: Request, net: Net, deadline: float, clock: Clock, engine: Engine, handle: Any) -> None:
        self.trail = Trail(request)
        self.handle = handle
        self._request = request
        self._net = net
        self._deadline = deadline
        self._clock = clock
        self._engine = engine
        self._been_public = False

    async def follow(self, ask: Ask, answer: Answer | None = None) -> None:
        """Hop until an answer is no redirect; ``answer`` is what ``ask`` already got, if it did.

        Raises ProbeError with the reason where it ends earlier.
        """
        seen: set[tuple[str, str, int]] = set()
        cookies = followed = 0
        while True:
            status, fields = answer or await self._hop(ask)
            answer = None
            if status not in REDIRECTS or not self._request.follow:
                return
            cookies += sum(name.lower() == "set-cookie" for name, _ in fields)
            key = (ask.method, ask.url.text, cookies)
            if key in seen:
                raise ProbeError(Reason.REDIRECT_LOOP, f"{ask.shown} redirects in a circle")
            seen.add(key)
            if followed == self._request.max_redirects:
                raise ProbeError(Reason.REDIRECT_LIMIT, f"more than {followed} redirects")
            followed += 1
            ask = redirected(ask, status, _location(fields), self._request)

    def rest_s(self) -> float:
        """Seconds that are left."""
        return self._deadline - self._clock.monotonic()

    def submit(self, ask: Ask, dial: Dial, rest_s: float, landed: Callable[[], object]) -> Transfer:
        """Begin one hop; ``landed`` is called once it has ended. Raises ProbeError(internal)."""
        request = self._request
        transfer = Transfer(self.handle, _authorities(ask), landed, request.keep_bytes, request.read_bytes)
        try:
            configure(transfer, request, ask, dial, rest_s)
        except pycurl.error as error:
            raise ProbeError(Reason.INTERNAL, f"libcurl refuses an option of this check: {error.args[-1]}") from None
        self._engine.submit(transfer)
        return transfer

    def abandon(self, transfer: Transfer) -> None:
        """Give up a hop that was submitted, and with it the handle."""
        self._engine.abandon(transfer)

    def read(self, ask: Ask, transfer: Transfer, dial: Dial, resolve_s: float, rest_s: float) -> Answer:
        """What a hop that has ended was answered. Raises ProbeError where it failed."""
        reading = transfer.reading
        if reading is None:
            refused = transfer.refused or Failure(Reason.INTERNAL, "the HTTP engine lost a transfer")
            self.trail.lost(ask, {"resolve": resolve_s})
            raise ProbeError(refused.reason, refused.message)
        fields = self.trail.add(ask, transfer, reading, dial.addresses[0], resolve_s)
        failure = failure_of(Case(transfer, reading, ask, dial, rest_s))
        if failure is not None:
            raise ProbeError(failure.reason, failure.message)
        if transfer.status in REDIRECTS and not self._been_public:
            # Behind a proxy only a literal address is known; a name is the proxy's to resolve, and to guard.
            reached = literal(ask.url.host) if dial.proxy else reading.address or dial.addresses[0]
            self._been_public = reached is not None and is_public(reached)
        return transfer.status or 0, fields

    async def _hop(self, ask: Ask) -> Answer:
        start = self._clock.monotonic()
        try:
            dial, resolve_s = await self._find(ask)
        except ProbeError:
            self.trail.lost(ask, {"resolve": self._clock.monotonic() - start})
            raise
        rest_s = self.rest_s()
        if rest_s <= 0:
            self.trail.lost(ask, {"resolve": resolve_s})
            raise ProbeError(Reason.TIMEOUT, f"no time left to connect to {ask.url.place}")
        ended = asyncio.Event()
        transfer = self.submit(ask, dial, rest_s, ended.set)
        try:
            await ended.wait()
        except asyncio.CancelledError:
            self.abandon(transfer)
            raise
        return self.read(ask, transfer, dial, resolve_s, rest_s)

    async def _find(self, ask: Ask) -> tuple[Dial, float]:
        proxy = self._request.proxy
        if proxy:
            host, shown = proxy_place(proxy)
            spelled = literal(ask.url.host)
            if spelled:
                self._guard(spelled)
            try:
                found = await self._net.resolve(host, "any", self._deadline, self._clock)
            except ProbeError as error:
                raise ProbeError(Reason.PROXY, f"proxy {shown}: {error.message}") from None
            return dial_proxy(proxy, found.addresses[0]), found.duration_s
        found = await self._net.resolve(ask.pinned or ask.url.host, self._request.ip, self._deadline, self._clock)
        for address in found.addresses:
            self._guard(address)
        return Dial(found.addresses), found.duration_s

    def _guard(self, address: str) -> None:
        guard(address, allow_link_local=self._request.allow_link_local, after_public=self._been_public)


def _location(fields: Headers) -> str | None:
    return next((value for name, value in fields if name.lower() == "location"), None)


def _authorities(ask: Ask) -> str:
    """What tells one CA store from another: the file and its last change, as libcurl would keep it for a day."""
    if not ask.secure:
        return ""
    path = ask.tls.authorities
    try:
        return f"{path}\0{os.stat(path).st_mtime_ns}"  # noqa: PTH116  a Path is dear to make, and this is every run
    except OSError as error:
        raise ProbeError(Reason.INTERNAL, f"ca_file {path}: {error.strerror}") from None
