"""Logging in by an OpenID provider: off to it, and back from it (authorization code with PKCE)."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from prober.config.web import WebOidc
from prober.faults import Retryable
from prober.log import Log
from prober.web.auth.access import Access
from prober.web.auth.grants import vouched, vouched_for
from prober.web.auth.onward import onward, safe_next
from prober.web.auth.places import CALLBACK
from prober.web.auth.provider import Errand, Provider, Refused
from prober.web.auth.rules import Rules

COOKIE = "prober_oidc"
LASTS_S = 600.0
NOT_THIS_TIME = "That did not work. Log in again; the prober's log says more."

_log = Log(__name__)


class Oidc:
    """The two routes. Between them a cookie holds a number, from which state, nonce and verifier are derived."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._provider: Provider | None = None

    async def leave(self, request: Request) -> Response:
        """Send the browser to the provider."""
        rules = self._access.rules
        provider = self._of(rules)
        number, next_ = secrets.token_urlsafe(16), safe_next(request.query_params.get("next", "/"))
        try:
            url = await provider.departure(_errand(rules, number))
        except (Retryable, Refused) as fault:
            raise _not_now(fault) from None
        answer = RedirectResponse(url, 303)
        text = rules.seal.write("oidc", {"number": number, "next": next_}, self._access.clock.wall() + LASTS_S)
        answer.set_cookie(COOKIE, text, max_age=int(LASTS_S), **_ways(rules))
        return answer

    async def arrive(self, request: Request) -> Response:
        """Take the browser back from the provider, and begin a session for who is allowed."""
        rules = self._access.rules
        provider, query = self._of(rules), request.query_params
        kept = rules.seal.read("oidc", request.cookies.get(COOKIE, ""), self._access.clock.wall())
        if kept is None:
            raise HTTPException(400, "That log-in was not begun here, or long ago. Log in again.")
        errand = _errand(rules, kept["number"])
        if not hmac.compare_digest(errand.state.encode(), query.get("state", "").encode("utf-8", "replace")):
            raise HTTPException(400, "That is the answer to another log-in. Log in again.")
        if query.get("iss", provider.spec.issuer) != provider.spec.issuer:  # RFC 9207
            raise HTTPException(400, "That is another provider's answer.")
        if "code" not in query:
            raise HTTPException(403, "The provider did not let you in.")
        try:
            claims = await provider.claims(errand, query["code"])
        except (Retryable, Refused) as fault:
            raise _not_now(fault) from None
        return self._welcome(rules, request, provider.spec, kept["next"], claims)

    def _welcome(
        self, rules: Rules, request: Request, spec: WebOidc, next_: str, claims: Mapping[str, Any]
    ) -> Response:
        fields = vouched(spec, claims)
        if not vouched_for(spec, fields).name:
            _log.warning("a log-in by the provider is of nobody who is allowed", user=fields["name"])
            raise HTTPException(403, "You are known to the provider, but not allowed here: see web.auth.oidc.allow.")
        answer = onward(next_, up=CALLBACK.count("/") - 1)
        self._access.sessions.begin(rules, request, answer, {"vouched": fields})
        answer.delete_cookie(COOKIE, **_ways(rules))
        return answer

    def _of(self, rules: Rules) -> Provider:
        """The provider of the moment."""
        if rules.oidc is None:
            raise HTTPException(404)
        if self._provider is None or self._provider.spec != rules.oidc:
            self._provider = Provider(rules.oidc, self._access.clock)
        return self._provider


def _errand(rules: Rules, number: str) -> Errand:
    state, nonce, verifier = (rules.seal.token(f"oidc {name}", number) for name in ("state", "nonce", "verifier"))
    return Errand(state, nonce, verifier, f"{(rules.web.public_url or '').rstrip('/')}{CALLBACK}")


def _not_now(fault: Exception) -> HTTPException:
    _log.warning("a log-in by the provider failed", error=str(fault))
    return HTTPException(502 if isinstance(fault, Retryable) else 403, NOT_THIS_TIME)


def _ways(rules: Rules) -> dict[str, Any]:
    """Lax, since it is the provider's page that leads back."""
    return {"path": "/", "secure": rules.secure, "httponly": True, "samesite": "lax"}
