"""What a form sent: read within bounds, and taken from nobody whose page it did not come from."""

from __future__ import annotations

import asyncio
import hmac
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from prober.web.auth import who_asks

FORM_BYTES = 2_048
FORM_WAIT_S = 10.0
NAME_CHARS = 80


async def read_form(request: Request, most_bytes: int = FORM_BYTES) -> dict[str, str]:
    """The first value of each field. Raises HTTPException for what is too long, too slow or no form."""
    body = b""
    try:
        async with asyncio.timeout(FORM_WAIT_S):
            async for piece in request.stream():
                body += piece
                if len(body) > most_bytes:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:
        raise HTTPException(400) from None
    return {name: values[0] for name, values in fields.items()}


async def own_form(request: Request, most_bytes: int = FORM_BYTES) -> dict[str, str]:
    """The same of a form of ours: who is known by a cookie must have been sent it by us. Raises 403 else."""
    form = await read_form(request, most_bytes)
    expected = who_asks(request).csrf
    if expected and not hmac.compare_digest(expected.encode(), form.get("csrf", "").encode("utf-8", "replace")):
        raise HTTPException(403, "this form is too old: load the page again")
    return form


def one_line(text: str, most_chars: int = NAME_CHARS) -> str:
    """``text`` as somebody typed it, in one line that can be shown."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:most_chars]
