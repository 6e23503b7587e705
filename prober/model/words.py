"""Durations and identifiers as they are written, and the ground of every model a user writes."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?", re.ASCII)
_UNITS_S = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)


def parse_duration(text: object) -> float:
    """``900ms``, ``5s``, ``1m30s``, ``2h``, ``7d`` as seconds.

    Raises ValueError for anything else: a bare number has no unit, so it is refused rather than guessed at.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if match is None:
        raise ValueError("expected a duration with a unit such as 900ms, 5s, 1m30s or 2h")
    return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS_S, strict=True) if part)


def format_duration(seconds: float) -> str:
    """Seconds as a person writes them: ``340ms``, ``5s``, ``1m30s``, ``2h``; the inverse of ``parse_duration``."""
    if seconds < 1:
        return f"{seconds * 1000:.3g}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    parts, rest = [], round(seconds)
    for letter, unit in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, unit)
        if amount:
            parts.append(f"{amount}{letter}")
    return "".join(parts)


def format_lasting(seconds: float) -> str:
    """How long something lasts or lasted, as exactly as anybody cares: ``12m5s``, ``3h20m``, ``4d15h``; never less
    than none, since clocks differ.
    """
    unit = 3_600 if seconds >= 86_400 else 60 if seconds >= 3_600 else 1
    return format_duration(float(max(0, round(seconds / unit) * unit)))


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "examples": ["900ms", "5s", "1m30s"]}
    ),
]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    from prober.model.docs import describe  # reads source, and only who asks for a schema wants to wait for that

    describe(schema, model)


class Strict(BaseModel):
    """The ground of every model a user writes: unknown keys are errors, nothing is coerced, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, json_schema_extra=_describe)

    def __deepcopy__(self, _: dict[int, Any] | None = None) -> Self:
        # pydantic copies a default for everyone who leaves it at that; what never changes may be the same for all.
        return self
