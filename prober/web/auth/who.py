"""People and machines that ask, and the scopes they have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from inspect import iscoroutinefunction
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

Answer = Callable[[Request], Awaitable[Response]]
Slow = Callable[[Request], Response]
"""One that takes a moment; it is given a thread, as Starlette does."""


class Scope(StrEnum):
    """What somebody may do. ``admin`` may do everything."""

    READ = "read"
    """See checks, results, incidents, evidence."""
    RUN = "run"
    """Have checks run now."""
    ACK = "ack"
    """Acknowledge, silence, plan maintenance, write notes and announcements."""
    INGEST = "ingest"
    """Push results of passive checks, and deploy markers."""
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asks."""

    name: str
    scopes: frozenset[Scope]
    csrf: str = ""
    """What forms of theirs must bring back; empty where they say who they are with every request."""
    logged_in: bool = False
    """Whether there is something to log out of."""

    def may(self, scope: Scope) -> bool:
        """Whether they may do what needs ``scope``."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


EVERYTHING = frozenset(Scope)
NOBODY = Who("", frozenset())


def who_asks(connection: HTTPConnection) -> Who:
    """Who it is, as the door found out."""
    found: Who = connection.scope.get("prober.who", NOBODY)
    return found


def needs(scope: Scope, answer: Answer | Slow) -> Answer:
    """``answer``, for those who have ``scope``. Others get 401 where nobody knows them, else 403."""

    async def guarded(request: Request) -> Response:
        who = who_asks(request)
        if not who.may(scope):
            raise HTTPException(403 if who.name else 401)
        if iscoroutinefunction(answer):
            return await cast(Answer, answer)(request)
        return await run_in_threadpool(cast(Slow, answer), request)

    return guarded
