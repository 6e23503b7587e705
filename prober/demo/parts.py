"""What one shop is made of, and how its handlers reach it and read what clients send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.templating import Jinja2Templates

from prober.demo.database import Database
from prober.demo.dials import Panel
from prober.demo.guard import Allowance
from prober.demo.health import Health
from prober.demo.refusal import Refusal
from prober.demo.sessions import Session, Sessions
from prober.demo.shop import Shop
from prober.demo.telemetry import Telemetry

COOKIE = "eventchain_session"
_BODY_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Parts:
    """Everything a handler may need."""

    database: Database
    shop: Shop
    sessions: Sessions
    panel: Panel
    telemetry: Telemetry
    health: Health
    failed_logins: Allowance
    templates: Jinja2Templates


def parts_of(request: Request) -> Parts:
    """The parts of the shop that serves this request."""
    return cast(Parts, request.app.state.parts)


def session_of(request: Request) -> Session | None:
    """The visitor's session, if there is one."""
    return parts_of(request).sessions.find(request.cookies.get(COOKIE))


async def read_json(request: Request) -> Any:
    """The body as JSON. Raises `Refusal` when it is too large or no JSON."""
    try:
        document = json.loads(await _read_body(request))
        # An escaped half of a surrogate pair parses, yet neither SQLite nor an answer can hold it.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refusal("invalid_json", f"The body is not valid JSON: {error}", 400) from error
    return document


async def read_form(request: Request) -> dict[str, list[str]]:
    """The fields of an `application/x-www-form-urlencoded` body. Raises `Refusal` when it is too large or malformed."""
    try:
        return parse_qs((await _read_body(request)).decode(), max_num_fields=100, keep_blank_values=True)
    except ValueError as error:
        raise Refusal("invalid_form", f"The form is not valid: {error}", 400) from error


def field(form: dict[str, list[str]], name: str) -> str:
    """A form's field, or an empty text."""
    values: Sequence[str] = form.get(name, ())
    return values[0].strip() if values else ""


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT_BYTES:
            raise Refusal("too_large", f"The body is over {_BODY_LIMIT_BYTES} bytes.", 413)
    return bytes(body)
