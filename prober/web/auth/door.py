"""The door in front of every route: it finds out who asks, and turns away who has no business inside.

Without ``web.auth`` the address that is listened on decides, never the client's: loopback is for anybody on the
machine, and on any other address there is only what ``places`` opens. No header that a client or a proxy sets is
believed for that.
"""

from __future__ import annotations

from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from prober.web.auth.access import Access, TooOften, carries_token
from prober.web.auth.onward import to_login
from prober.web.auth.origin import READING, from_elsewhere, host_is_loopback
from prober.web.auth.places import PROBE, Floor, floor
from prober.web.auth.rules import Rules
from prober.web.auth.who import NOBODY, Who
from prober.web.errors import is_api, refusal, wants_page

LOOPBACK = "prober.loopback"
"""In an ASGI scope: whether the server is bound to loopback. Who does not say so is not."""
UNCONFIGURED = (
    "Nobody may ask for this here: to open it, set web.auth (users, tokens or oidc), "
    "or listen on loopback; see docs/operating.md."
)
FOREIGN_HOST = (
    "Without web.auth this prober answers to localhost only, and was asked for by another name; "
    "ask http://localhost, or set web.auth."
)
FOREIGN_PAGE = "Another site's page asked for this."


class Door:
    """ASGI middleware; sets ``prober.who``."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        found = await self._ask(asked)
        if isinstance(found, Response):
            await found(scope, receive, send)
            return
        scope["prober.who"] = found
        await self._app(scope, receive, send)

    async def _ask(self, asked: HTTPConnection) -> Who | Response:
        """Who it is, or why not."""
        rules = self._access.rules
        place = floor(asked.scope["path"], QueryParams(asked.scope["query_string"]), rules.web.auth)
        if not rules.configured:
            return self._without_auth(rules, asked, place)
        try:
            who = await self._identify(rules, asked, place)
        except TooOften as often:
            return refusal(asked, 429, str(often), {"retry-after": often.header})
        if place is None or any(who.may(scope) for scope in place):
            return who
        if who.name:
            return refusal(asked, 403)
        if asked.scope["method"] in READING and wants_page(asked) and not is_api(asked):
            return to_login(asked)
        return refusal(asked, 401)

    def _without_auth(self, rules: Rules, asked: HTTPConnection, place: Floor) -> Who | Response:
        if not asked.scope.get(LOOPBACK, False):
            return NOBODY if place is None else refusal(asked, 401, UNCONFIGURED)
        fault = "" if host_is_loopback(asked) else FOREIGN_HOST
        if not fault and _acts(asked) and from_elsewhere(asked, rules.web.public_url):
            fault = FOREIGN_PAGE
        if not fault:
            return self._access.local(rules)
        return NOBODY if place is None else refusal(asked, 403, fault)

    async def _identify(self, rules: Rules, asked: HTTPConnection, place: Floor) -> Who:
        """Where anybody may ask nothing is spent on finding out who it is. Raises TooOften."""
        if _acts(asked) and not carries_token(asked) and from_elsewhere(asked, rules.web.public_url):
            return NOBODY  # what a browser adds by itself is not meant
        if place is None:
            return self._access.by_cookie_or_token(rules, asked)
        return await self._access.by_anything(rules, asked)


def _acts(asked: HTTPConnection) -> bool:
    """Whether it does anything: a probe is made by GET."""
    return asked.scope["method"] not in READING or asked.scope["path"] == PROBE
