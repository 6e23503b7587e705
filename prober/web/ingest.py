"""Where passive checks are told: pings of cron jobs in healthchecks.io's shapes, and webhooks of other systems."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from prober.faults import Retryable
from prober.web.auth.who import Scope, who_asks
from prober.web.view import Signals, Told

KEPT_BYTES = 10_001  # one more than is looked at, which tells that there was more
MOST_BYTES = 1_000_000
BODY_S = 10.0
AT_ONCE = 4
"""So many signals wait for the store at a time: one that is slow must leave ways to the prober for other questions."""
WAIT_S = 9.0  # clients that ping wait ten seconds
SOURCES = ("falco", "alertmanager")


def ingest_routes(signals: Signals | None) -> list[Route]:
    """None where nothing is listened to."""
    if signals is None:
        return []
    turn, methods = asyncio.Semaphore(AT_ONCE), ["GET", "HEAD", "POST"]
    ping = _ping(signals, turn)
    hooks = [Route(f"/ingest/{source}", _webhook(signals, source, turn), methods=["POST"]) for source in SOURCES]
    return [
        Route("/ping/{token}", ping, methods=methods),
        Route("/ping/{token}/{action}", ping, methods=methods),
        *hooks,
    ]


def _ping(signals: Signals, turn: asyncio.Semaphore) -> Callable[[Request], Awaitable[Response]]:
    async def ping(request: Request) -> Response:
        body = await _body(request, KEPT_BYTES)
        token, action = request.path_params["token"], request.path_params.get("action", "")
        rid = request.query_params.get("rid", "")
        return await _answer(turn, lambda: signals.ping(token, action, rid, body))

    return ping


def _webhook(signals: Signals, source: str, turn: asyncio.Semaphore) -> Callable[[Request], Awaitable[Response]]:
    async def webhook(request: Request) -> Response:
        token = request.query_params.get("token")
        who = who_asks(request)
        if token is None and not who.may(Scope.INGEST):
            raise HTTPException(403 if who.name else 401)
        body = await _body(request, MOST_BYTES)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return PlainTextResponse("expected a JSON document\n", status_code=400)
        return await _answer(turn, lambda: signals.webhook(source, token, document))

    return webhook


async def _body(request: Request, kept: int) -> bytes:
    """The first ``kept`` bytes of the body; the rest is read and dropped, so that whoever sends it gets an answer."""
    found, size = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MOST_BYTES:
                    raise HTTPException(413, f"more than {MOST_BYTES:,} bytes", {"connection": "close"})
                found += chunk[: max(0, kept - len(found))]
    except TimeoutError:
        raise HTTPException(408, f"no body within {BODY_S:.0f} s", {"connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(found)


async def _answer(turn: asyncio.Semaphore, ask: Callable[[], Future[Told]]) -> Response:
    try:
        async with asyncio.timeout(WAIT_S), turn:
            told = await asyncio.wrap_future(ask())
    except (CancelledError, asyncio.CancelledError):
        told = Told(503, "the prober is stopping", 5)
    except (TimeoutError, Retryable):
        told = Told(503, "the prober is busy; say it again", 5)
    headers = {} if told.retry_after_s is None else {"retry-after": str(told.retry_after_s)}
    return PlainTextResponse(f"{told.line}\n", told.status, headers)
