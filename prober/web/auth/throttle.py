"""How often log-ins may be tried: by one client, and by all of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from prober.clock import Clock

MOST_CLIENTS = 4_096


@dataclass(frozen=True, slots=True)
class Pace:
    """So many at once, then one in ``every_s``."""

    burst: int
    every_s: float

    def wait_s(self, full_at: float, now: float) -> float:
        """How long until the next one may be; ``full_at`` is when all of the burst is there again."""
        return max(0.0, full_at - now - (self.burst - 1) * self.every_s)


ONE_CLIENT = Pace(10, 6.0)
ALL_CLIENTS = Pace(60, 1.0)


@dataclass(slots=True)
class Throttle:
    """Counts what was tried by when its burst is whole again, which is all there is to keep of a client."""

    clock: Clock
    one: Pace = ONE_CLIENT
    all: Pace = ALL_CLIENTS
    _full_at: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _all_full_at: float = 0.0

    def admit(self, client: str) -> float:
        """Count a try of ``client``; where there were too many, the seconds to wait instead."""
        now, key = self.clock.monotonic(), _key(client)
        full_at = max(self._full_at.get(key, 0.0), now)
        all_full_at = max(self._all_full_at, now)
        wait_s = max(self.one.wait_s(full_at, now), self.all.wait_s(all_full_at, now))
        if wait_s > 0:
            return wait_s
        self._full_at[key] = full_at + self.one.every_s
        self._full_at.move_to_end(key)
        self._all_full_at = all_full_at + self.all.every_s
        # Who comes from that many addresses gets new bursts by it, and meets the limit for all.
        while len(self._full_at) > MOST_CLIENTS:
            self._full_at.popitem(last=False)
        return 0.0

    def forgive(self, client: str) -> None:
        """The try was right: it does not count."""
        key = _key(client)
        if key in self._full_at:
            self._full_at[key] -= self.one.every_s
        self._all_full_at -= self.all.every_s


def _key(client: str) -> str:
    """Of IPv6 the network: whoever has one address there has them all."""
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)
