"""What was sent, read: bounded in size and time, and held against its model."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from prober.web.api.models import Given, Query
from prober.web.api.problems import Invalid, Mistake, mistakes_in

BODY_BYTES = 65_536
BODY_WAIT_S = 10.0
_JSON = "application/json"

Sent = TypeVar("Sent", bound=Given)


def read_query(model: type[Query] | None, request: Request) -> Query | None:
    """What stands behind the question mark. Raises Invalid, also for what the operation does not know."""
    sent = request.query_params
    fields = model.model_fields if model is not None else {}
    values: dict[str, Any] = {}
    mistakes = []
    for name in dict.fromkeys(sent):
        several = sent.getlist(name)
        if name not in fields:
            mistakes.append(Mistake(path=f"query.{name[:100]}", message="not known here"))
        elif _is_list(fields[name].annotation):
            values[name] = several
        elif len(several) > 1:
            mistakes.append(Mistake(path=f"query.{name}", message="given more than once"))
        else:
            values[name] = several[0]
    if mistakes:
        raise Invalid(mistakes)
    if model is None:
        return None
    try:
        return model.model_validate(values)
    except ValidationError as fault:
        raise Invalid(mistakes_in(fault, "query")) from None


async def read_body(model: type[Sent], request: Request, *, bare: bool) -> Sent:
    """The body; ``bare`` where none is the same as an empty object. Raises HTTPException."""
    body = await _bytes_of(request)
    if not body and bare:
        return model()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise HTTPException(415)
    try:
        return model.model_validate_json(body)
    except ValidationError as fault:
        mistakes = mistakes_in(fault, "body")
        if fault.errors(include_url=False)[0]["type"] == "json_invalid":
            raise HTTPException(400, f"The body is not JSON: {mistakes[0].message}.") from None
        raise Invalid(mistakes) from None


async def _bytes_of(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES:
                    raise HTTPException(413, f"The body may have {BODY_BYTES} bytes.", {"Connection": "close"})
    except TimeoutError:
        raise HTTPException(408, headers={"Connection": "close"}) from None
    return bytes(body)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(get_origin(one) is tuple for one in get_args(annotation))
