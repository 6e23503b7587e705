"""Logging in and out by pages that work without script."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from prober.web.auth.access import Access, TooOften
from prober.web.auth.forms import CSRF, checked_form, read_form
from prober.web.auth.oidc import Oidc
from prober.web.auth.onward import onward, safe_next
from prober.web.auth.places import CALLBACK, LOGIN, LOGOUT, OIDC
from prober.web.auth.sessions import by_password
from prober.web.auth.who import who_asks
from prober.web.errors import CHALLENGE
from prober.web.pages import templates

FORM_COOKIE = "prober_form"

Answer = Callable[[Request], Awaitable[Response]]


def login_routes(access: Access) -> list[Route]:
    """The pages to come in and to go out."""
    oidc = Oidc(access)
    return [
        Route(LOGIN, _login(access), methods=["GET", "POST"]),
        Route(LOGOUT, _logout(access), methods=["POST"]),
        Route(OIDC, oidc.leave),
        Route(CALLBACK, oidc.arrive),
    ]


def _login(access: Access) -> Answer:
    template = templates().get_template("login.html")

    def page(request: Request, status: int, next_: str, complaint: str = "", **headers: str) -> Response:
        rules, nonce = access.rules, request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(16)
        text = template.render(
            who=who_asks(request),
            csrf=rules.seal.token("login", nonce),
            next=next_,
            complaint=complaint,
            passwords=bool(rules.hashes),
            provider=rules.oidc.title if rules.oidc else "",
        )
        answer = HTMLResponse(text, status, {name.replace("_", "-"): value for name, value in headers.items()})
        answer.set_cookie(FORM_COOKIE, nonce, **_form_cookie(access))
        return answer

    async def login(request: Request) -> Response:
        rules = access.rules
        if not rules.configured:
            raise HTTPException(404, "Nobody needs to log in here: web.auth is not set.")
        if request.method != "POST":
            return page(request, 200, safe_next(request.query_params.get("next", "/")))
        form = await read_form(request)
        next_ = safe_next(form.get("next", "/"))
        # Who is not known yet has no token of a session: a cookie that only this page's form goes with stands for it.
        wanted = rules.seal.token("login", request.cookies.get(FORM_COOKIE, ""))
        if not hmac.compare_digest(wanted.encode(), form.get(CSRF, "").encode("utf-8", "replace")):
            return page(request, 403, next_, "The page had aged, or cookies are off. Try again.")
        try:
            who = await access.by_password(rules, request, form.get("name", ""), form.get("password", ""))
        except TooOften as often:
            return page(request, 429, next_, str(often), retry_after=often.header)
        if not who.name:
            return page(request, 401, next_, "Name or password is wrong.", www_authenticate=CHALLENGE)
        answer = onward(next_)
        access.sessions.begin(rules, request, answer, by_password(rules, who.name))
        answer.delete_cookie(FORM_COOKIE, **_form_cookie(access))
        return answer

    return login


def _logout(access: Access) -> Answer:
    async def logout(request: Request) -> Response:
        await checked_form(request)
        answer = onward(LOGIN if access.rules.configured else "/")
        access.sessions.end(access.rules, request, answer)
        return answer

    return logout


def _form_cookie(access: Access) -> dict[str, Any]:
    return {"path": "/", "secure": access.rules.secure, "httponly": True, "samesite": "strict"}
