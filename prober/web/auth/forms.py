"""Forms as browsers send them, read within bounds."""

from __future__ import annotations

import asyncio
import hmac
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from prober.web.auth.who import who_asks

CSRF = "csrf"
"""The field that brings back ``Who.csrf``."""
FORM_BYTES = 16_384
FORM_WAIT_S = 10.0
MOST_FIELDS = 50


async def read_form(request: Request, most_bytes: int = FORM_BYTES, most_fields: int = MOST_FIELDS) -> dict[str, str]:
    """What a form sent: the first value of each field, blank ones too. Raises HTTPException."""
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
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=most_fields)
    except ValueError:
        raise HTTPException(400) from None
    return {name: values[0] for name, values in fields.items()}


async def checked_form(
    request: Request, most_bytes: int = FORM_BYTES, most_fields: int = MOST_FIELDS
) -> dict[str, str]:
    """The form, if it is one of ours: where a browser says by itself who it is, it brings back ``Who.csrf``.

    Raises HTTPException, with 403 where it does not. Forms of signed links prove themselves: ``read_form`` does.
    """
    fields = await read_form(request, most_bytes, most_fields)
    confirm(request, fields)
    return fields


def confirm(request: Request, fields: dict[str, str]) -> None:
    """Raises HTTPException where ``fields`` are not from a form of ours."""
    wanted, given = who_asks(request).csrf, fields.pop(CSRF, "")
    if wanted and not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
        raise HTTPException(403, "The form has aged, or is not one of ours. Load its page again.")
