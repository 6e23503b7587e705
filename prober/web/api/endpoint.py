"""From an operation to what answers it: the door is asked, the work done in a thread, the answer marked."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from hmac import compare_digest
from inspect import iscoroutinefunction
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from prober.faults import Retryable
from prober.web.api.operation import Answer, Call, Operation
from prober.web.api.problems import AGAIN_S, problem_response, response_to
from prober.web.api.reading import read_body, read_query
from prober.web.auth import needs, who_asks
from prober.web.view import View

AT_ONCE = 4
"""So many requests ask the store at a time; while it does not answer, the rest of the web side goes on."""
TURN_WAIT_S = 10.0
CSRF_HEADER = "x-csrf-token"
READING = frozenset({"GET", "HEAD"})


class Endpoint:
    """What answers at one path, by method."""

    def __init__(self, view: View, operations: Mapping[str, Operation], turns: asyncio.Semaphore) -> None:
        self._view = view
        self._operations = operations
        self._turns = turns
        methods = [*operations, *(["HEAD"] if "GET" in operations else []), "OPTIONS"]
        self._allow = {"Allow": ", ".join(sorted(methods))}

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except HTTPException as fault:
            response = response_to(fault)
        except Retryable as fault:
            after_s = AGAIN_S if fault.after_s is None else max(1, math.ceil(fault.after_s))
            response = problem_response(503, f"Try again later: {fault}.", {"Retry-After": str(after_s)})
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=self._allow)
        operation = self._operations.get("GET" if request.method == "HEAD" else request.method)
        if operation is None:
            return problem_response(405, headers=self._allow)

        async def answer(request: Request) -> Response:
            _require_intent(request)
            return _marked(await self._perform(operation, request), request)

        return await needs(operation.scope, answer)(request)

    async def _perform(self, operation: Operation, request: Request) -> Answer:
        call = Call(self._view, who_asks(request), request.path_params)
        query = read_query(operation.query, request)
        given: list[Any] = [] if query is None else [query]
        if operation.body is not None:
            given.append(await read_body(operation.body, request, bare=operation.bare))
        function: Any = operation.function
        answer: Answer
        if iscoroutinefunction(function):  # one that waits for long takes no turn, and sees to its threads itself
            answer = await function(call, *given)
        elif operation.at_hand:
            answer = await run_in_threadpool(function, call, *given)
        else:
            async with self._turn():
                answer = await run_in_threadpool(function, call, *given)
        return answer

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TURN_WAIT_S):
                await self._turns.acquire()
        except TimeoutError:
            raise Retryable("many others wait for the store") from None
        try:
            yield
        finally:
            self._turns.release()


def _require_intent(request: Request) -> None:
    """A browser adds its cookies by itself: with them comes what only our own pages know. Raises HTTPException."""
    if request.method in READING or "cookie" not in request.headers or "authorization" in request.headers:
        return
    expected, brought = who_asks(request).csrf, request.headers.get(CSRF_HEADER, "")
    if expected and not compare_digest(brought.encode(), expected.encode()):
        raise HTTPException(403, f"With a cookie, {CSRF_HEADER} has to say what the forms of our own pages do.")


def _marked(answer: Answer, request: Request) -> Response:
    """The answer; where it was read only, with what tells whether it has changed."""
    headers = dict(answer.headers)
    if answer.content is None:
        return Response(status_code=answer.status, headers=headers)
    body = encoded(answer.content)
    if request.method in READING and answer.status == 200:
        headers |= {"Cache-Control": "private, no-cache", "ETag": f'W/"{sha256(body).hexdigest()[:32]}"'}
        if _is_known(headers["ETag"], request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
    return Response(body, answer.status, headers, "application/json")


def _is_known(etag: str, asked: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


def encoded(content: BaseModel | Mapping[str, Any]) -> bytes:
    """``content`` as JSON."""
    values = content.model_dump() if isinstance(content, BaseModel) else content
    try:
        return orjson.dumps(values)
    except TypeError:  # lone surrogates, which a target may have sent
        return json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")
