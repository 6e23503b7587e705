"""Who is there: log-in with password and second factor, guests, log-out. JSON for scripts, forms for people."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from prober.demo.accounts import ACCOUNTS, Account, authenticate, code_fits, find_account
from prober.demo.api import EMAIL_PATTERN
from prober.demo.guard import client_of
from prober.demo.pages import page
from prober.demo.parts import COOKIE, field, parts_of, read_form, read_json, session_of
from prober.demo.refusal import Refusal
from prober.demo.sessions import KEPT_FOR_S, Session
from prober.demo.telemetry import is_synthetic

_DESTINATIONS = frozenset({"/", "/cart", "/checkout", "/account"})


def show_login(request: Request) -> Response:
    """The log-in page."""
    return _login_page(request, destination(request.query_params.get("next", "")))


def show_code(request: Request) -> Response:
    """The page that asks for the second factor."""
    session = session_of(request)
    if session is None or session.pending_email is None:
        return RedirectResponse("/login", 303)
    return page(request, "code.html", {"next": destination(request.query_params.get("next", ""))})


async def log_in(request: Request) -> Response:
    """Password log-in: 401 when it is wrong, 429 after repeated failures of one client on one account."""
    if request.headers.get("content-type", "").startswith("application/json"):
        return await run_in_threadpool(_log_in_by_json, request, await read_json(request))
    return await run_in_threadpool(_log_in_by_form, request, await read_form(request))


async def verify_code(request: Request) -> Response:
    """Second factor: 401 when it is wrong, 429 after repeated failures."""
    return await run_in_threadpool(_verify_code, request, await read_form(request))


async def enter_as_guest(request: Request) -> Response:
    """Go on with nothing but an email address."""
    return await run_in_threadpool(_enter_as_guest, request, await read_form(request))


def log_out(request: Request) -> Response:
    """End the session."""
    session = session_of(request)
    if session:
        parts_of(request).sessions.end(session)
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE)
    return response


def destination(wanted: str) -> str:
    """Where to go after a log-in: one of the shop's own pages, whatever a link asks for."""
    return wanted if wanted in _DESTINATIONS else "/account"


def remember(response: Response, session: Session) -> Response:
    """The response with the session's cookie."""
    response.set_cookie(COOKIE, session.id, max_age=int(KEPT_FOR_S), httponly=True, samesite="lax")
    return response


def _log_in_by_json(request: Request, body: object) -> Response:
    fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
    account = _check_password(request, str(fields.get("email", "")), str(fields.get("password", "")))
    if account.totp_key and not fields.get("code"):
        raise Refusal("code_required", "This account needs its authentication code, too.", 401)
    _check_code(request, account, str(fields.get("code", "")))
    session = _begin(request, account.email, account=True)
    return remember(JSONResponse({"status": "ok", "email": account.email, "name": account.name}), session)


def _log_in_by_form(request: Request, form: dict[str, list[str]]) -> Response:
    next_path = destination(field(form, "next"))
    try:
        account = _check_password(request, field(form, "email"), field(form, "password"))
    except Refusal as refusal:
        return _login_page(request, next_path, refusal, email=field(form, "email"))
    if account.totp_key is None:
        return remember(RedirectResponse(next_path, 303), _begin(request, account.email, account=True))
    parts = parts_of(request)
    session = parts.sessions.start(session_of(request), synthetic=is_synthetic(request.headers))
    parts.sessions.await_code(session, account.email)
    return remember(RedirectResponse(f"/login/code?next={next_path}", 303), session)


def _verify_code(request: Request, form: dict[str, list[str]]) -> Response:
    session = session_of(request)
    account = find_account(session.pending_email) if session and session.pending_email else None
    if account is None:
        return RedirectResponse("/login", 303)
    next_path = destination(field(form, "next"))
    try:
        _check_code(request, account, field(form, "code"))
    except Refusal as refusal:
        return page(request, "code.html", {"next": next_path, "refusal": refusal}, refusal)
    return remember(RedirectResponse(next_path, 303), _begin(request, account.email, account=True))


def _enter_as_guest(request: Request, form: dict[str, list[str]]) -> Response:
    email = field(form, "email")
    next_path = destination(field(form, "next"))
    if len(email) > 254 or not re.fullmatch(EMAIL_PATTERN, email):
        refusal = Refusal("invalid_email", "Please give an email address such as you@example.com.", 400)
        return _login_page(request, next_path, refusal)
    return remember(RedirectResponse(next_path, 303), _begin(request, email, account=False))


def _check_password(request: Request, email: str, passphrase: str) -> Account:
    failed = parts_of(request).failed_logins
    # Per account as well: one monitor that tests wrong passwords must not lock out the next one on its address.
    key = f"{client_of(request.scope)} {email.strip().lower()[:254]}"
    failed.check(key)
    account = authenticate(email, passphrase)
    if account is None:
        failed.spend(key)
        raise Refusal("invalid_credentials", "Email or password is wrong.", 401)
    failed.restore(key)
    return account


def _check_code(request: Request, account: Account, code: str) -> None:
    failed = parts_of(request).failed_logins
    key = f"{client_of(request.scope)} code {account.email}"
    failed.check(key)
    if not code_fits(account, code, time.time()):
        failed.spend(key)
        raise Refusal("invalid_code", "The authentication code is wrong.", 401)
    failed.restore(key)


def _begin(request: Request, email: str, *, account: bool) -> Session:
    sessions = parts_of(request).sessions
    session = sessions.start(session_of(request), synthetic=is_synthetic(request.headers))
    sessions.identify(session, email, account=account)
    return session


def _login_page(request: Request, next_path: str, refusal: Refusal | None = None, *, email: str = "") -> Response:
    context = {"next": next_path, "refusal": refusal, "email": email, "accounts": ACCOUNTS}
    return page(request, "login.html", context, refusal)
