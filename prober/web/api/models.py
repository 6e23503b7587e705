"""What goes in and out as JSON: the grounds of all models, and the kinds of fields they share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from prober.clock import iso
from prober.model import Identifier, parse_duration

LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+ -])(\d\d):(\d\d))",
    re.ASCII,
)
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_SECONDS = re.compile(r"([0-9]{1,3})s", re.ASCII)
# What is shown in one line, or in several: no control characters.
_LASTING = r"(([1-9]|[1-9][0-9]|[12][0-9][0-9])d)?([1-9][0-9]?h)?([1-9][0-9]{0,3}m)?([1-9][0-9]{0,3}s)?"
_LINE = r"^[^\u0000-\u001f\u007f]+$"
_LINES = r"^[^\u0000-\u0008\u000b-\u001f\u007f]+$"


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    from prober.model.docs import describe  # reads source, and only who asks for a schema wants to wait for that

    describe(schema, model)


class Shown(BaseModel):
    """The ground of what is answered: every field is always there."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_describe)


class Given(BaseModel):
    """The ground of what is sent: unknown fields are errors, and nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, json_schema_extra=_describe)


class Query(Given):
    """The ground of what stands behind the question mark, where all is text."""

    model_config = ConfigDict(strict=False)


def parse_moment(text: object) -> float:
    """A moment of RFC 3339 as wall seconds. Raises ValueError.

    In a URL that was not encoded, the plus of its offset has become a space; what lies before 1970 is 1970.
    """
    match = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("expected a moment with its offset, such as 2026-12-24T22:00:00Z")
    *parts, fraction, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = map(int, parts)
    leap = second == 60
    try:
        moment = datetime(max(1, year), month, day, hour, minute, second - leap, tzinfo=UTC)
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    except ValueError as error:
        raise ValueError(f"no such moment: {error}") from None
    ahead_s = -offset.total_seconds() if sign == "-" else offset.total_seconds()
    return min(max(0.0, moment.timestamp() + leap + float(fraction or 0) - ahead_s), LATEST)


def shown_moment(wall: float | None) -> str | None:
    """A moment as it is answered; None for one that is not known, or that no calendar has."""
    return iso(wall) if wall is not None and 0 <= wall <= LATEST else None


def _whole(text: object) -> int:
    if isinstance(text, str) and _DIGITS.fullmatch(text):
        return int(text)
    if isinstance(text, int):  # a default
        return text
    raise ValueError("expected a whole number")


def _wait(text: object) -> float:
    if isinstance(text, str) and (match := _SECONDS.fullmatch(text)):
        return float(match[1])
    raise ValueError("expected seconds, such as 30s")


def _lasting(text: object) -> float:
    if isinstance(text, str) and re.fullmatch(_LASTING, text, re.ASCII) and text:
        return parse_duration(text)
    raise ValueError("expected a duration such as 30m, 1h30m or 7d, of at most 299d")


_DATE_TIME = {"type": "string", "format": "date-time", "examples": ["2026-12-24T22:00:00Z"]}
Moment = Annotated[float, BeforeValidator(parse_moment), WithJsonSchema(_DATE_TIME)]
"""A moment that is sent."""
Stamp = Annotated[str, WithJsonSchema(_DATE_TIME)]
"""A moment that is answered."""
WHOLE = BeforeValidator(_whole)
"""Beside a number's bounds: it is written in digits and nothing else."""
Wait = Annotated[
    float,
    BeforeValidator(_wait),
    Field(ge=1, le=120),
    WithJsonSchema({"type": "string", "pattern": "^([1-9]|[1-9][0-9]|1[01][0-9]|120)s$", "examples": ["30s"]}),
]
Lasting = Annotated[
    float,
    BeforeValidator(_lasting),
    WithJsonSchema({"type": "string", "minLength": 2, "pattern": f"^{_LASTING}$", "examples": ["30m", "1h30m"]}),
]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=_LINE)]
Lines = Annotated[str, Field(min_length=1, max_length=5_000, pattern=_LINES)]
Pattern = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9._*?\[\]!-]+$")]
"""Of check ids, with ``*`` as in a shell."""
Link = Annotated[str, Field(max_length=2_000, pattern=r"^https?://[!-~]+$")]
Names = Annotated[tuple[Identifier, ...], Field(strict=False, max_length=50)]
Patterns = Annotated[tuple[Pattern, ...], Field(strict=False, max_length=50)]
Json = Mapping[str, Any]
