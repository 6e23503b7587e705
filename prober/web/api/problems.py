"""What goes wrong, as RFC 9457 has it said: one body for every error, and a type that a program can go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import Response

from prober.web.api.models import Shown
from prober.web.kinds import MEDIA_TYPE, type_of, usual_detail

AGAIN_S = 5
"""When to try again where nobody knows better."""
MOST_MISTAKES = 20


class Mistake(Shown):
    """One thing that is not as expected."""

    path: str
    """Where it stands, such as ``query.limit`` or ``body.checks[0]``."""
    message: str


class Problem(Shown):
    """Why a request was not answered as asked."""

    type: str
    """What kind of problem it is; stays the same over releases."""
    title: str
    status: int
    detail: str
    """One line for people."""
    errors: tuple[Mistake, ...] | None = None
    """All that is not as expected; only where the type is ``/problems/invalid``."""


class Invalid(HTTPException):
    """What was sent is not as expected."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(422)
        self.mistakes = tuple(mistakes[:MOST_MISTAKES])


def problem(status: int, detail: str = "", mistakes: Sequence[Mistake] = ()) -> Problem:
    """The body of an error."""
    return Problem(
        type=type_of(status),
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail or usual_detail(status),
        errors=tuple(mistakes) or None,
    )


def problem_response(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """The whole answer, for whoever turns somebody away."""
    return _response(problem(status, detail), dict(headers or {}))


def response_to(fault: HTTPException) -> Response:
    """The answer that ``fault`` asks for."""
    status = fault.status_code
    detail = "" if fault.detail == HTTPStatus(status).phrase else fault.detail
    mistakes = fault.mistakes if isinstance(fault, Invalid) else ()
    return _response(problem(status, detail, mistakes), dict(fault.headers or {}))


def mistakes_in(fault: ValidationError, root: str) -> list[Mistake]:
    """What pydantic found, in the words of whoever sent it; ``root`` is the part of the request it looked at."""
    return [Mistake(path=_path(root, error["loc"]), message=_said(error)) for error in fault.errors(include_url=False)]


def _response(body: Problem, headers: dict[str, str]) -> Response:
    known = {name.lower() for name in headers}
    if body.status == 401 and "www-authenticate" not in known:
        headers["WWW-Authenticate"] = 'Bearer realm="prober"'
    if body.status == 503 and "retry-after" not in known:
        headers["Retry-After"] = str(AGAIN_S)
    headers["Cache-Control"] = "no-store"
    text = body.model_dump_json(exclude={"errors"} if body.errors is None else None)
    return Response(text, body.status, headers, MEDIA_TYPE)


def _path(root: str, place: Sequence[int | str]) -> str:
    return root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)[:200]


def _said(error: ErrorDetails) -> str:
    """Without what was sent: an answer is no mirror."""
    return error["msg"].removeprefix("Value error, ")[:300]
