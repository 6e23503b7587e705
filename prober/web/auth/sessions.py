"""Log-ins of browsers: a signed cookie says who it is, and the rules what they may do, each time anew."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

from prober.clock import Clock
from prober.web.auth.grants import vouched_for
from prober.web.auth.rules import Rules
from prober.web.auth.who import NOBODY, Who

MOST_ENDED = 10_000
_PURPOSE = "session"


class Sessions:
    """Begun, recognized and ended. Those that were ended are kept until they would have ended by themselves."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ended: dict[str, float] = {}

    def who(self, rules: Rules, asked: HTTPConnection) -> Who:
        """Who the cookie says it is; nobody without one, or where what it rests on is no more."""
        fields = self._read(rules, asked)
        if fields is None or fields["id"] in self._ended:
            return NOBODY
        who = _whose(rules, fields)
        return Who(who.name, who.scopes, rules.seal.token("form", fields["id"]), True) if who.name else NOBODY

    def begin(self, rules: Rules, asked: HTTPConnection, answer: Response, fields: Mapping[str, Any]) -> None:
        """A session of its own for who has just logged in; the one before, if there was one, ends."""
        self.end(rules, asked)
        lasts_s = rules.web.auth.session if rules.web.auth else 0.0
        sealed = {**fields, "id": secrets.token_urlsafe(16)}
        text = rules.seal.write(_PURPOSE, sealed, self._clock.wall() + lasts_s)
        answer.set_cookie(_name(rules), text, max_age=int(lasts_s), **_ways(rules))

    def end(self, rules: Rules, asked: HTTPConnection, answer: Response | None = None) -> None:
        """End the session of the cookie, and have the browser forget it."""
        fields = self._read(rules, asked)
        if fields is not None:
            now = self._clock.wall()
            kept = {one: ends_at for one, ends_at in self._ended.items() if ends_at > now}
            self._ended = dict([*kept.items()][-MOST_ENDED + 1 :]) | {fields["id"]: fields["ends_at"]}
        if answer is not None:
            answer.delete_cookie(_name(rules), **_ways(rules))

    def _read(self, rules: Rules, asked: HTTPConnection) -> Mapping[str, Any] | None:
        return rules.seal.read(_PURPOSE, asked.cookies.get(_name(rules), ""), self._clock.wall())


def by_password(rules: Rules, name: str) -> Mapping[str, Any]:
    """What a session of a user with a password rests on."""
    return {"user": name, "proof": rules.proof(name)}


def _whose(rules: Rules, fields: Mapping[str, Any]) -> Who:
    if "user" not in fields:
        return vouched_for(rules.oidc, fields["vouched"]) if rules.oidc else NOBODY
    same = hmac.compare_digest(fields["proof"], rules.proof(fields["user"]))
    return rules.user(fields["user"]) if same else NOBODY


def _name(rules: Rules) -> str:
    """The prefix has browsers refuse it from anywhere but this very host, over TLS."""
    return "__Host-prober" if rules.secure else "prober"


def _ways(rules: Rules) -> dict[str, Any]:
    return {"path": "/", "secure": rules.secure, "httponly": True, "samesite": "lax"}
