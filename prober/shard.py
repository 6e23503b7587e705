"""Which of several probers of one region runs a check: rendezvous hashing of its id.

Every shard gives every check a weight and the heaviest shard has it. Nobody has to ask anybody, and with one shard
more only the checks that the new one wins move: about one in N + 1, all of them to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

MOST = 1_000
AUTO = "auto"

_ORDINAL = re.compile(r".*-(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` probers of a region, counted from 0; the only one by default."""

    index: int = 0
    count: int = 1

    def owns(self, check_id: str) -> bool:
        """Whether the check is run by this shard; of all shards it is exactly one. Pure."""
        return self.count == 1 or owner(check_id, self.count) == self.index

    def name(self, region: str) -> str:
        """What this prober is called among all: its region, and which of its shards where there are several."""
        return region if self.count == 1 else f"{region}#{self}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard()


def owner(check_id: str, count: int) -> int:
    """The shard of ``count`` that has the check. Pure."""
    return max(range(count), key=lambda index: _weight(check_id, index))


def _weight(check_id: str, index: int) -> bytes:
    return blake2b(check_id.encode(), digest_size=8, salt=index.to_bytes(8)).digest()


def parse_shard(text: str, hostname: str) -> Shard:
    """``0/3``, or ``auto/3``: the number at the end of ``hostname``, as a StatefulSet gives it. Raises ValueError."""
    which, slash, of = text.partition("/")
    if not slash or not of.isdecimal() or not 1 <= int(of) <= MOST:
        raise ValueError(f"expected I/N, such as 0/3, or auto/3 in a StatefulSet, with N from 1 to {MOST:,}")
    if which == AUTO:
        found = _ORDINAL.fullmatch(hostname.partition(".")[0])
        if found is None:
            raise ValueError(f"the host is called {hostname}, which does not end in a number such as prober-0")
        which = found[1]
    if not which.isdecimal() or int(which) >= int(of):
        raise ValueError(f"there is no shard {which} of {int(of)}: they count from 0 to {int(of) - 1}")
    return Shard(int(which), int(of))
