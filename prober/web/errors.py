"""What is answered where something is refused or fails: a page, a problem document (RFC 9457) or a line."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from typing import cast

from jinja2 import Template
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from prober.web.headers import SECURITY_HEADERS
from prober.web.kinds import MEDIA_TYPE, type_of
from prober.web.making import templates, to_top

CHALLENGE = 'Bearer realm="prober"'
"""HTTP Basic is taken too, but not said: browsers would ask for it in a window of their own, and never log out."""
DETAILS = {
    401: "Log in, or send a token.",
    403: "That is not for you: it takes a scope that you do not have.",
    404: "There is nothing here.",
    405: "This cannot be done here.",
    500: "The prober failed at this. Its log says how.",
}


def refusal(asked: HTTPConnection, status: int, detail: str = "", headers: dict[str, str] | None = None) -> Response:
    """The answer with ``status``, in the form that ``asked`` wants, and a line on why."""
    title = HTTPStatus(status).phrase
    detail = detail or DETAILS.get(status, "")
    told = {**({"www-authenticate": CHALLENGE} if status == 401 else {}), **(headers or {})}
    if is_api(asked):
        problem = {"type": type_of(status), "title": title, "status": status, "detail": detail or title}
        return Response(json.dumps(problem), status, told, media_type=MEDIA_TYPE)
    if wants_page(asked):
        return HTMLResponse(_page().render(title=title, text=detail, up=to_top(asked)), status, told)
    return PlainTextResponse(f"{detail or title}\n", status, told)


def is_api(asked: HTTPConnection) -> bool:
    """Whether it is a program that asks, by the path."""
    path: str = asked.scope["path"]
    return path.startswith("/api/") or path == "/markers"


def wants_page(asked: HTTPConnection) -> bool:
    """Whether it is a browser that asks, for a page."""
    return "text/html" in asked.headers.get("accept", "")


async def on_refusal(request: Request, error: Exception) -> Response:
    """Starlette's handler of HTTPException."""
    fault = cast(HTTPException, error)
    if fault.status_code in (204, 304):
        return Response(status_code=fault.status_code, headers=fault.headers)
    said = "" if fault.detail == HTTPStatus(fault.status_code).phrase else fault.detail
    return refusal(request, fault.status_code, said, dict(fault.headers or {}))


async def on_failure(request: Request, error: Exception) -> Response:
    """Starlette's handler of what nobody caught; it stands outside of the middleware that sets the headers."""
    return refusal(request, 500, headers=dict(SECURITY_HEADERS))


@cache
def _page() -> Template:
    return templates().get_template("refused.html")
