"""Passwords against their hashes (Argon2id): off the loop, two at a time, and as long for names that nobody has."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64encode
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool

from prober.clock import Clock

AT_ONCE = 2
KEPT_S = 300.0
LONGEST = 1_024
MEMORY_KIB, PASSES, LANES = 47_104, 1, 1  # OWASP's first choice; one lane, since the other cores are for probing


def make_hash(password: str) -> str:
    """``password`` as it stands in the configuration."""
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES).hash(password)


class Passwords:
    """Asks whether passwords are right. What was right is known for a while, since scrapers send it every time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, float] = {}

    def known(self, hashes: Mapping[str, str], name: str, password: str) -> bool:
        """Whether it was found right a short while ago, which costs next to nothing."""
        return self._right.get(self._mark(hashes.get(name, ""), name, password), 0.0) > self._clock.monotonic()

    async def right(self, hashes: Mapping[str, str], name: str, password: str) -> bool:
        """Whether it is the password of ``name`` in ``hashes``."""
        if not hashes or len(password) > LONGEST:
            return False
        known = hashes.get(name)
        async with self._turns:
            fits = await run_in_threadpool(_fits, known or self._decoy(hashes, name), password)
        if known is None or not fits:
            return False
        now = self._clock.monotonic()
        self._right = {mark: until for mark, until in self._right.items() if until > now}
        self._right[self._mark(known, name, password)] = now + KEPT_S
        return True

    def _decoy(self, hashes: Mapping[str, str], name: str) -> str:
        """A hash that nothing fits, as costly as that of one of those who are known, always the same one."""
        drawn = int.from_bytes(hmac.digest(self._key, name.encode("utf-8", "replace"), hashlib.sha256)[:8])
        model = list(hashes.values())[drawn % len(hashes)]
        *parameters, salt, digest = model.split("$")
        # Of as many bytes as they had: Argon2 gives up at once on base64 that could not be.
        random = [b64encode(secrets.token_bytes(len(text) * 3 // 4)).decode().rstrip("=") for text in (salt, digest)]
        return "$".join((*parameters, *random))

    def _mark(self, hash_: str, name: str, password: str) -> bytes:
        parts = (part.encode("utf-8", "replace") for part in (hash_, name, password))
        return hmac.digest(self._key, b"".join(len(part).to_bytes(4) + part for part in parts), hashlib.sha256)


def _fits(hash_: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return PasswordHasher().verify(hash_, password.encode("utf-8", "replace"))
    except (VerificationError, InvalidHashError):
        return False
