"""The way of one request: resolve, guard, dial, read, and on to where a redirect leads."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pycurl

from prober.clock import Clock, SystemClock
from prober.curl.asking import REDIRECTS, Ask, first, redirected
from prober.curl.engine import Engine
from prober.curl.exchange import Exchange, Request
from prober.curl.failures import Case, failure_of
from prober.curl.options import Dial, configure, dial_proxy, proxy_place
from prober.curl.trail import Headers, Trail
from prober.curl.transfer import Transfer
from prober.faults import ProbeError
from prober.model import Failure, Reason
from prober.net import Net, guard, is_public, literal
from prober.secret import redact_url

HANDLES_KEPT = 256


class Curl:
    """HTTP over libcurl: one thread, a new connection for every request, exact phases."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._engine = Engine()
        self._handles: list[Any] = []

    async def fetch(self, request: Request, net: Net, deadline: float) -> Exchange:
        """Make ``request``, over all its redirects, before ``deadline`` on the system's monotonic clock.

        Whatever the target does ends up in the Exchange; nothing is raised but CancelledError.
        """
        handle = self._handles.pop() if self._handles else pycurl.Curl()
        journey = _Journey(request, net, deadline, self._clock, self._engine, handle)
        failure = None
        try:
            await journey.follow()
        except ProbeError as error:
            failure = Failure(error.reason, error.message)
        if len(self._handles) < HANDLES_KEPT:
            # Only here: a cancelled run's handle stays with the engine, which may still be using it.
            handle.setopt(pycurl.COOKIELIST, "ALL")
            self._handles.append(handle)
        return journey.trail.exchange(failure)

    def close(self) -> None:
        """Stop the thread; requests in flight fail as internal."""
        self._engine.close()
        while self._handles:
            self._handles.pop().close()


class _Journey:
    """One request on its way, on one handle, whose cookies so last from hop to hop."""

    def __init__(self, request: Request, net: Net, deadline: float, clock: Clock, engine: Engine, handle: Any) -> None:
        self.trail = Trail(request)
        self._request = request
        self._net = net
        self._deadline = deadline
        self._clock = clock
        self._engine = engine
        self._handle = handle
        self._been_public = False

    async def follow(self) -> None:
        """Hop until an answer is no redirect. Raises ProbeError with the reason where it ends earlier."""
        ask = first(self._request)
        seen: set[tuple[str, str, int]] = set()
        cookies = followed = 0
        while True:
            status, fields = await self._hop(ask)
            if status not in REDIRECTS or not self._request.follow:
                return
            cookies += sum(name.lower() == "set-cookie" for name, _ in fields)
            key = (ask.method, ask.url.text, cookies)
            if key in seen:
                raise ProbeError(Reason.REDIRECT_LOOP, f"{redact_url(ask.url.text)} redirects in a circle")
            seen.add(key)
            if followed == self._request.max_redirects:
                raise ProbeError(Reason.REDIRECT_LIMIT, f"more than {followed} redirects")
            followed += 1
            ask = redirected(ask, status, _location(fields), self._request)

    async def _hop(self, ask: Ask) -> tuple[int, Headers]:
        start = self._clock.monotonic()
        try:
            dial, resolve_s = await self._find(ask)
        except ProbeError:
            self.trail.lost(ask, {"resolve": self._clock.monotonic() - start})
            raise
        rest_s = self._deadline - self._clock.monotonic()
        if rest_s <= 0:
            self.trail.lost(ask, {"resolve": resolve_s})
            raise ProbeError(Reason.TIMEOUT, f"no time left to connect to {ask.url.place}")
        transfer = Transfer(
            self._handle,
            _authorities(ask),
            asyncio.get_running_loop().create_future(),
            self._request.keep_bytes,
            self._request.read_bytes,
        )
        return await self._transfer(ask, transfer, dial, resolve_s, rest_s)

    async def _transfer(
        self, ask: Ask, transfer: Transfer, dial: Dial, resolve_s: float, rest_s: float
    ) -> tuple[int, Headers]:
        try:
            configure(transfer, self._request, ask, dial, rest_s)
        except pycurl.error as error:
            raise ProbeError(Reason.INTERNAL, f"libcurl refuses an option of this check: {error.args[-1]}") from None
        self._engine.submit(transfer)
        try:
            await transfer.done
        except asyncio.CancelledError:
            self._engine.abandon(transfer)
            raise
        reading = transfer.reading
        if reading is None:
            refused = transfer.refused or Failure(Reason.INTERNAL, "the HTTP engine lost a transfer")
            self.trail.lost(ask, {"resolve": resolve_s})
            raise ProbeError(refused.reason, refused.message)
        fields = self.trail.add(ask, transfer, reading, dial.addresses[0], resolve_s)
        failure = failure_of(Case(transfer, reading, ask, dial, rest_s))
        if failure is not None:
            raise ProbeError(failure.reason, failure.message)
        # Behind a proxy only a literal address is known; a name is the proxy's to resolve, and to guard.
        reached = literal(ask.url.host) if dial.proxy else reading.address or dial.addresses[0]
        self._been_public = self._been_public or (reached is not None and is_public(reached))
        return transfer.status or 0, fields

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
        return f"{path}\0{Path(path).stat().st_mtime_ns}"
    except OSError as error:
        raise ProbeError(Reason.INTERNAL, f"ca_file {path}: {error.strerror}") from None
