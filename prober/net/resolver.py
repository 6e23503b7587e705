"""Names to addresses through c-ares: bounded in time, timed, every kind of failure told apart."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from prober.clock import Clock
from prober.faults import ProbeError
from prober.model import Failure, Reason
from prober.net.machine import out_of_files
from prober.net.names import literal
from prober.net.outages import Outages

if TYPE_CHECKING:
    import aiodns
    import pycares

Family = Literal["any", "v4", "v6"]

KEPT = 8  # addresses of one name
FRESH_S = 1.0  # c-ares caches answers for their TTL; a resolver lives this long so that every run asks anew
_TRY_S = 1.0
_TRIES = 3
_FAMILIES = {"any": socket.AF_UNSPEC, "v4": socket.AF_INET, "v6": socket.AF_INET6}
_REASONS = {
    "ARES_ENOTFOUND": (Reason.DNS_NXDOMAIN, "there is no such name"),
    "ARES_ENODATA": (Reason.DNS_NODATA, "the name has no address"),
    "ARES_ESERVFAIL": (Reason.DNS_SERVFAIL, "the DNS server answered SERVFAIL"),
    "ARES_EREFUSED": (Reason.DNS_REFUSED, "the DNS server refused to answer"),
    "ARES_ETIMEOUT": (Reason.DNS_TIMEOUT, "no DNS server answered in time"),
    "ARES_ECONNREFUSED": (Reason.DNS_TIMEOUT, "no DNS server could be contacted"),
}
_RESOLVER_FAILED = (Reason.DNS_SERVFAIL, Reason.DNS_REFUSED, Reason.DNS_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The addresses of a name in the order to try them, and how long it took to learn them."""

    addresses: tuple[str, ...]
    duration_s: float


@dataclass(slots=True)
class _Channel:
    """One c-ares channel, how long it may answer, and the lookups it still owes."""

    resolver: aiodns.DNSResolver
    born: float
    owed: int = 0


class Net:
    """The resolver of one event loop; ``nameservers`` (``address`` or ``address:port``) replace the system's."""

    def __init__(self, nameservers: Sequence[str] = ()) -> None:
        import aiodns  # noqa: F401  here, so that no lookup is longer by it

        self._nameservers = list(nameservers) or None
        self._channel: _Channel | None = None
        self._lookups: dict[tuple[str, str], asyncio.Task[tuple[str, ...] | Failure]] = {}
        self._outages = Outages()

    async def resolve(self, host: str, family: Family, deadline: float, clock: Clock) -> Resolution:
        """The addresses of ``host``, asked for once even when several ask at the same time.

        ``deadline`` is absolute on ``clock.monotonic()``. Raises ProbeError(dns, dns_*), and resolver_down where
        unrelated names fail alike.
        """
        address = literal(host)
        if address is not None:
            return Resolution((_of_family(address, family),), 0.0)
        start = clock.monotonic()
        found = await self._ask(host, family, max(0.0, deadline - start))
        now = clock.monotonic()
        if isinstance(found, Failure):
            raise self._judged(host, found, now)
        return Resolution(found, now - start)

    async def close(self) -> None:
        """Give up every lookup and the resolver's sockets."""
        for task in list(self._lookups.values()):
            task.cancel()
        await asyncio.gather(*self._lookups.values(), return_exceptions=True)
        self._lookups.clear()
        if self._channel is not None:
            await self._channel.resolver.close()
            self._channel = None

    async def _ask(self, host: str, family: Family, rest_s: float) -> tuple[str, ...] | Failure:
        key = (host, family)
        task = self._lookups.get(key)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = self._lookups[key] = asyncio.create_task(self._look_up(host, family))
            task.add_done_callback(lambda done: self._forget(key, done))
        # Waited for and not awaited: whoever gives up, or is cancelled, must not take the lookup from the others.
        await asyncio.wait((task,), timeout=rest_s)
        if not task.done():
            return Failure(Reason.DNS_TIMEOUT, f"{host}: no DNS server answered within {rest_s:.2f}s")
        return task.result()

    def _forget(self, key: tuple[str, str], done: asyncio.Task[tuple[str, ...] | Failure]) -> None:
        if self._lookups.get(key) is done:
            del self._lookups[key]

    async def _look_up(self, host: str, family: Family) -> tuple[str, ...] | Failure:
        if out_of_files():
            return Failure(Reason.FD_EXHAUSTED, f"{host}: no file descriptor left to ask a DNS server with")
        import aiodns
        from pycares.errno import errorcode

        channel = await self._fresh()
        channel.owed += 1
        try:
            answer = await channel.resolver.getaddrinfo(host, _FAMILIES[family], type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            reason, words = _REASONS.get(errorcode.get(error.args[0], ""), (Reason.DNS, str(error.args[-1])))
            return Failure(reason, f"{host}: {words}")
        finally:
            channel.owed -= 1
            await self._retire(channel)
        if any(node.ttl for node in answer.nodes):  # the hosts file has none, and says nothing about resolvers
            self._outages.worked()
        return _addresses(host, answer)

    async def _fresh(self) -> _Channel:
        import aiodns

        loop = asyncio.get_running_loop()
        old = self._channel
        if old is not None and old.resolver.loop is loop and loop.time() - old.born < FRESH_S:
            return old
        resolver = aiodns.DNSResolver(self._nameservers, loop, timeout=_TRY_S, tries=_TRIES)
        self._channel = channel = _Channel(resolver, loop.time())
        if old is not None:
            await self._retire(old)
        return channel

    async def _retire(self, channel: _Channel) -> None:
        if channel is not self._channel and not channel.owed:
            await channel.resolver.close()

    def _judged(self, host: str, failure: Failure, now: float) -> ProbeError:
        if failure.reason.ours:
            return ProbeError(failure.reason, failure.message)
        if failure.reason not in _RESOLVER_FAILED:
            # Even "no such name" was answered by somebody.
            self._outages.worked()
        elif self._outages.failed(host, now):
            return ProbeError(Reason.RESOLVER_DOWN, f"{failure.message}; unrelated names fail as well")
        return ProbeError(failure.reason, failure.message)


def _addresses(host: str, answer: pycares.AddrInfoResult) -> tuple[str, ...] | Failure:
    spelled = dict.fromkeys(node.addr[0].decode() for node in answer.nodes)
    if not spelled:
        return Failure(Reason.DNS_NODATA, f"{host}: the name has no address")
    return tuple(spelled)[:KEPT]


def _of_family(address: str, family: Family) -> str:
    if family == "any" or (family == "v6") == (":" in address):
        return address
    raise ProbeError(Reason.DNS_NODATA, f"{address} is no IP{family} address")
