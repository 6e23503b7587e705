"""Finds out who asks, by header or cookie, under the rules of the moment."""

from __future__ import annotations

import binascii
import secrets
from base64 import b64decode
from math import ceil

from starlette.requests import HTTPConnection

from prober.clock import Clock, SystemClock
from prober.config.web import Web
from prober.log import Log
from prober.web.auth.passwords import Passwords
from prober.web.auth.rules import Rules
from prober.web.auth.sessions import Sessions
from prober.web.auth.throttle import Throttle
from prober.web.auth.who import EVERYTHING, NOBODY, Who

MOST_WAITING = 20
"""So many passwords wait for their turn; the next is told to come back."""
LOCAL = "anybody on this machine"

_log = Log(__name__)


class TooOften(Exception):
    """Log-ins are tried too often; ``header`` says for how long to wait."""

    def __init__(self, after_s: float) -> None:
        self.header = str(ceil(after_s))
        super().__init__(f"Too many log-ins were tried: again in {self.header} s.")


class Access:
    """One web side's: its rules, which a reload changes, its sessions, and what was tried."""

    def __init__(self, web: Web | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.sessions = Sessions(self.clock)
        self._passwords = Passwords(self.clock)
        self._throttle = Throttle(self.clock)
        self._random = secrets.token_bytes(32)
        self._waiting = 0
        self._began = web or Web()
        self.rules = Rules(self._began, self._random)

    def adopt(self, web: Web) -> None:
        """Go by ``web`` from now on, from any thread: what an answer rests on is one object.

        Whether there is TLS is as it was at the start, and so is whether cookies need it.
        """
        self.rules = Rules(web.model_copy(update={"tls": self._began.tls}), self._random)

    def local(self, rules: Rules) -> Who:
        """Who asks over loopback where nobody has to say who they are."""
        return Who(LOCAL, EVERYTHING, rules.seal.token("form", "loopback"))

    def by_cookie_or_token(self, rules: Rules, asked: HTTPConnection) -> Who:
        """Who it is, as far as that costs nothing: where anybody may ask."""
        scheme, given = _credentials(asked)
        if scheme:
            return rules.token(given) if scheme == "bearer" else NOBODY
        return self.sessions.who(rules, asked)

    async def by_anything(self, rules: Rules, asked: HTTPConnection) -> Who:
        """Who it is. A header goes before a cookie, also a wrong one. Raises TooOften."""
        scheme, given = _credentials(asked)
        if scheme != "basic":
            return self.by_cookie_or_token(rules, asked)
        name, password = _basic(given)
        if self._passwords.known(rules.hashes, name, password):
            return rules.user(name)
        return await self.by_password(rules, asked, name, password)

    async def by_password(self, rules: Rules, asked: HTTPConnection, name: str, password: str) -> Who:
        """The user ``name``, if that is the password. Raises TooOften."""
        client = asked.client.host if asked.client else ""
        wait_s = self._throttle.admit(client)
        if wait_s > 0 or self._waiting >= MOST_WAITING:
            raise TooOften(max(wait_s, 1.0))
        self._waiting += 1
        try:
            right = await self._passwords.right(rules.hashes, name, password)
        finally:
            self._waiting -= 1
        if not right:
            # Of names only those that exist: people type passwords there.
            _log.warning("a log-in failed", client=client, user=name if name in rules.hashes else "unknown")
            return NOBODY
        self._throttle.forgive(client)
        return rules.user(name)


def carries_token(asked: HTTPConnection) -> bool:
    """Whether a program says who it is: no browser sends that by itself."""
    return _credentials(asked)[0] == "bearer"


def _credentials(asked: HTTPConnection) -> tuple[str, str]:
    """The scheme of ``Authorization``, in lower case, and what it says; none where there are none, or several."""
    headers = asked.headers.getlist("authorization")
    if not headers:
        return "", ""
    scheme, _, given = headers[0].partition(" ")
    return (scheme.lower(), given.strip()) if len(headers) == 1 and scheme else ("several", "")


def _basic(given: str) -> tuple[str, str]:
    """Name and password (RFC 7617)."""
    try:
        name, _, password = b64decode(given, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    return name, password
