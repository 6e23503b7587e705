"""``/api/v1``: what programs ask of the prober, and have it do. Each noun's file says what there is of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from prober.web.api import announcements, checks, health, hushes, incidents, markers, runs, signals, uptime
from prober.web.api.endpoint import AT_ONCE, Endpoint
from prober.web.api.openapi import openapi
from prober.web.api.operation import Answer, Call, Operation
from prober.web.api.problems import problem_response
from prober.web.auth import Scope
from prober.web.view import View

ROOT = "/api/v1"
OPERATIONS: tuple[Operation, ...] = (
    *checks.OPERATIONS,
    *runs.OPERATIONS,
    *uptime.OPERATIONS,
    *signals.OPERATIONS,
    *incidents.OPERATIONS,
    *hushes.OPERATIONS,
    *markers.OPERATIONS,
    *announcements.OPERATIONS,
    *health.OPERATIONS,
)
SHORT = "/markers"
"""Also at the root, since it is what deploy scripts send."""


def api_routes(view: View) -> Sequence[BaseRoute]:
    """All routes of the API over ``view``."""
    turns = asyncio.Semaphore(AT_ONCE)
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in (*OPERATIONS, _document()):
        by_path.setdefault(operation.path, {})[operation.method] = operation
    endpoints = {path: Endpoint(view, found, turns) for path, found in by_path.items()}
    router = Router(
        [Route(path, endpoint) for path, endpoint in endpoints.items()], redirect_slashes=False, default=_nothing_here
    )
    return [Mount(ROOT, app=_guarded(router)), Route(SHORT, _guarded(endpoints[SHORT]))]


def document() -> dict[str, Any]:
    """The OpenAPI document of all operations."""
    return openapi(OPERATIONS)


def _document() -> Operation:
    made: list[dict[str, Any]] = []

    def get_document(call: Call) -> Answer:
        if not made:  # twice at once does no harm
            made.append(document())
        return Answer(made[0])

    return Operation("GET", "/openapi.json", "getDocument", "This document", Scope.READ, get_document, at_hand=True)


def _guarded(app: Any) -> Any:
    """``app``, whose own failures are problems too; they are logged like any other."""
    return ServerErrorMiddleware(app, handler=_on_failure)


async def _on_failure(request: Request, error: Exception) -> Response:
    return problem_response(500)


async def _nothing_here(scope: Connection, receive: Receive, send: Send) -> None:
    await problem_response(404)(scope, receive, send)
