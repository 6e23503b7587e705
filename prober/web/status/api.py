"""Announcements over ``/api/v1/status-pages``, with errors as RFC 9457 has them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prober.clock import iso
from prober.faults import Retryable
from prober.log import Log
from prober.model import Strict
from prober.store import Announced, Announcement, Update
from prober.web.auth import Scope, needs, who_asks
from prober.web.status.board import Board
from prober.web.status.bulletin import moment
from prober.web.status.query import DAYS

ROOT = "/api/v1/status-pages/{page}"
BODY_BYTES = 64 * 1024
BODY_WAIT_S = 10.0
CSRF_HEADER = "x-csrf-token"
TEXT_CHARS = 20_000

_log = Log(__name__)

Answer = Callable[[Request], Awaitable[Response]]
Model = TypeVar("Model", bound=Strict)


def _is_moment(text: str) -> str:
    moment(text)
    return text


Text = Annotated[str, Field(max_length=TEXT_CHARS)]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Moment = Annotated[str, AfterValidator(_is_moment)]


class AnnouncementGiven(Strict):
    """What is announced."""

    title: Line
    kind: Annotated[Announced, Field(strict=False)] = Announced.INFORMATION
    text: Text = ""
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    components: Annotated[tuple[str, ...], Field(strict=False, max_length=100)] = ()


class UpdateGiven(Strict):
    """What is said of an announcement, or of an incident that was found."""

    about: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
    state: Annotated[str, Field(min_length=1, max_length=60)]
    text: Text = ""
    ends: bool = False


def announcement_routes(board: Board) -> list[Route]:
    """All of them; they need the scope that acknowledging needs, and reading the one that reading needs."""
    listing, one = f"{ROOT}/announcements", f"{ROOT}/announcements/{{announcement}}"
    return [
        Route(listing, _guarded(board, Scope.READ, _list), methods=["GET"]),
        Route(listing, _guarded(board, Scope.ACK, _announce), methods=["POST"]),
        Route(one, _guarded(board, Scope.ACK, _withdraw), methods=["DELETE"]),
        Route(f"{ROOT}/updates", _guarded(board, Scope.ACK, _add_update), methods=["POST"]),
    ]


async def _list(board: Board, request: Request) -> Response:
    name, now = request.path_params["page"], board.clock.wall()
    found = await run_in_threadpool(board.offer.store.announcements, name, now - DAYS * 86_400.0)
    return _json(200, {"announcements": [_shown(one) for one in found if not one.about]})


async def _announce(board: Board, request: Request) -> Response:
    name, now = request.path_params["page"], board.clock.wall()
    given = await _read(AnnouncementGiven, request)
    known = {component.key for component in board.declared(name).all_components()}
    if unknown := [one for one in given.components if one not in known]:
        there = ", ".join(sorted(known))
        return problem(422, f"components: there is no {unknown[0][:100]!r}; there are {there}")
    starts_at = now if given.starts_at is None else moment(given.starts_at)
    ends_at = None if given.ends_at is None else moment(given.ends_at)
    if ends_at is not None and ends_at < starts_at:
        return problem(422, "ends_at: it ends before it begins")
    made = Announcement(
        secrets.token_hex(8), name, given.title, given.kind, starts_at, ends_at, given.text, given.components,
        changed_at=now,
    )  # fmt: skip
    await run_in_threadpool(board.offer.store.announce, made)
    board.forget(name)
    _log.info("announced", page=name, announcement=made.id, by=who_asks(request).name)
    return _json(201, _shown(made))


async def _add_update(board: Board, request: Request) -> Response:
    name, now = request.path_params["page"], board.clock.wall()
    given = await _read(UpdateGiven, request)
    update = Update(now, given.state, given.text)
    store = board.offer.store
    changed = await run_in_threadpool(store.add_update, name, given.about, update, now if given.ends else None)
    if changed is None:
        page = await board.page(name)
        incidents = {one.id: one for one in (*page.current, *page.past) if one.kind == "incident"}
        if given.about not in incidents:
            return problem(404, "about: there is no announcement and no incident of this id")
        if given.ends:
            return problem(422, "ends: an incident that was found ends when the checks say so")
        changed = await run_in_threadpool(_remark, board, name, given.about, incidents[given.about].title, update)
    board.forget(name)
    _log.info("announced an update", page=name, about=given.about, by=who_asks(request).name)
    return _json(201, _shown(changed))


def _remark(board: Board, page: str, incident: str, title: str, update: Update) -> Announcement:
    """The first that is said of an incident makes what the others are added to."""
    identity = f"{page}-{incident}"
    added = board.offer.store.add_update(page, identity, update, None)
    if added is None:
        added = Announcement(
            identity, page, title, Announced.INFORMATION, update.at,
            updates=(update,), about=incident, changed_at=update.at,
        )  # fmt: skip
        board.offer.store.announce(added)
    return added


async def _withdraw(board: Board, request: Request) -> Response:
    name, identity = request.path_params["page"], request.path_params["announcement"]
    if not await run_in_threadpool(board.offer.store.withdraw, name, identity):
        return problem(404, "there is no announcement of this id")
    board.forget(name)
    _log.info("withdrew an announcement", page=name, announcement=identity, by=who_asks(request).name)
    return Response(status_code=204)


def _guarded(board: Board, scope: Scope, act: Callable[[Board, Request], Awaitable[Response]]) -> Answer:
    """``act`` for those who may, with whatever goes wrong as a problem."""

    async def acting(request: Request) -> Response:
        csrf = who_asks(request).csrf
        brought = request.headers.get(CSRF_HEADER, "")
        if csrf and request.method not in ("GET", "HEAD") and not compare_digest(brought.encode(), csrf.encode()):
            return problem(403, f"with a session's cookie, {CSRF_HEADER} has to say the token of its pages")
        board.declared(request.path_params["page"])
        return await act(board, request)

    guarded = needs(scope, acting)

    async def answer(request: Request) -> Response:
        try:
            return await guarded(request)
        except HTTPException as fault:
            return problem(fault.status_code, fault.detail, fault.headers)
        except Retryable as fault:
            return problem(503, f"try again later: {fault}", {"retry-after": "5"})

    return answer


async def _read(model: type[Model], request: Request) -> Model:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send JSON, and say so: Content-Type: application/json")
    body = b""
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES:
                    raise HTTPException(413, f"a body of more than {BODY_BYTES // 1024} KiB")
        return model.model_validate(orjson.loads(body))
    except TimeoutError:
        raise HTTPException(408) from None
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))[:100] or "body"
        raise HTTPException(422, f"{place}: {first['msg'].removeprefix('Value error, ')[:300]}") from None
    except orjson.JSONDecodeError:
        raise HTTPException(400, "the body is no JSON") from None


def problem(status: int, detail: str = "", headers: Any = None) -> Response:
    """An error, as RFC 9457 has it."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    answer = Response(orjson.dumps(body), status, media_type="application/problem+json")
    answer.headers.update({"cache-control": "no-store", **(headers or {})})
    if status == 401:
        answer.headers.setdefault("www-authenticate", 'Bearer realm="prober"')
    return answer


def _json(status: int, body: Any) -> Response:
    return Response(orjson.dumps(body), status, {"cache-control": "no-store"}, "application/json")


def _shown(announcement: Announcement) -> dict[str, Any]:
    return {
        "id": announcement.id,
        "about": announcement.about or None,
        "title": announcement.title,
        "kind": announcement.kind.value,
        "starts_at": iso(announcement.starts_at),
        "ends_at": None if announcement.ends_at is None else iso(announcement.ends_at),
        "text": announcement.text,
        "components": announcement.components,
        "updates": [{"at": iso(one.at), "state": one.state, "text": one.text} for one in announcement.updates],
    }
