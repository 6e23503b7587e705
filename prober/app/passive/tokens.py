"""Whose a token is. Held as keyed hashes, so that how long a look takes says nothing of any token."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from prober.app.targets import Place, in_region
from prober.probes.heartbeat import Spec
from prober.shard import owner

BURST = 30
PER_S = 1.0
"""So many signals at once, and so many a second after that, are taken by one token."""
_NOBODY = bytes(16)


@dataclass(frozen=True, slots=True)
class Heard:
    """The check of a token, and where it is heard if that is not here."""

    check: Spec
    elsewhere: str = ""


@dataclass(slots=True)
class Tokens:
    """Those of one configuration, and how much was said by each. Any thread may ask."""

    monotonic: Callable[[], float]
    _by_digest: dict[bytes, Heard] = field(default_factory=dict)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _spent: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By check id: what it still may say, as of when."""
    _spending: threading.Lock = field(default_factory=threading.Lock)

    def adopt(self, checks: Iterable[Spec], place: Place) -> None:
        """Know those of ``checks``, also of them that are heard elsewhere."""
        self._by_digest = {self._digest(one.token.reveal()): Heard(one, _elsewhere(one, place)) for one in checks}

    def find(self, token: str) -> Heard | None:
        """Whose ``token`` is; None for one that nobody has, which takes as long."""
        digest = self._digest(token)
        found = self._by_digest.get(digest)
        same = hmac.compare_digest(digest if found else _NOBODY, digest)
        return found if same else None

    def wait_s(self, check_id: str) -> float:
        """0 where one more signal may come now, which counts; else how long not."""
        with self._spending:
            now = self.monotonic()
            left, at = self._spent.get(check_id, (float(BURST), now))
            left = min(float(BURST), left + max(0.0, now - at) * PER_S)
            if left < 1.0:
                return (1.0 - left) / PER_S
            self._spent[check_id] = (left - 1.0, now)
            return 0.0

    def _digest(self, token: str) -> bytes:
        return blake2b(token.encode(errors="replace"), digest_size=16, key=self._key).digest()


def _elsewhere(check: Spec, place: Place) -> str:
    if not in_region(check, place.region):
        return f"{check.id} is heard in region {', '.join(check.regions or ())}, and this is {place.name}"
    if not place.shard.owns(check.id):
        number = f"{owner(check.id, place.shard.count)}/{place.shard.count}"
        return f"{check.id} is heard by shard {number} of region {place.region}, and this is {place.name}"
    return ""
