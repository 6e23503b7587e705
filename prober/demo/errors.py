"""How the shop shows a refusal: a page to people, JSON to programs."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prober.demo.pages import page
from prober.demo.refusal import Refusal

_PROGRAMS = ("/api/", "/auth/", "/dials", "/metrics", "/health", "/images/", "/static/")


def answer(request: Request, refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """The response for a refusal; `headers` are added to its own."""
    if request.url.path.startswith(_PROGRAMS):
        body = {"error": refusal.code, "message": refusal.message}
        return JSONResponse(body, refusal.status, headers=refusal.headers | dict(headers or {}))
    response = page(request, "error.html", {"refusal": refusal}, refusal)
    response.headers.update(headers or {})
    return response
