"""Values that must never be seen: how they are held, found in texts, and taken out of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

MASK = "***"
SHORTEST = 4  # masking shorter values would blot out ordinary text and still hide nothing

_TELLING = re.compile(r"(?i)(pass|secret|token|api_?key|auth|signature|sig$|session|credential)")


class Secret:
    """A string that shows itself as ``***`` everywhere but to ``reveal()``.

    In the config it is written as a plain string, best as a reference: ``${NAME}`` or ``${file:/path}``.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself; call it where the bytes leave the process, nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda value: value if isinstance(value, Secret) else Secret(value),
            core_schema.union_schema([core_schema.is_instance_schema(Secret), core_schema.str_schema(strict=True)]),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: MASK),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "password"}


class Redactor:
    """Takes every known secret out of a text, also where it was URL-encoded."""

    def __init__(self, secrets: Iterable[Secret | str] = ()) -> None:
        values = {s.reveal() if isinstance(s, Secret) else s for s in secrets}
        spellings = {form for v in values if len(v) >= SHORTEST for form in (v, quote(v, safe=""), quote_plus(v))}
        # Longest first: a secret that contains another must not leave its rest behind.
        ordered = sorted(spellings, key=lambda v: (-len(v), v))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    @property
    def active(self) -> bool:
        """Whether there is anything to take out."""
        return self._pattern is not None

    def text(self, text: str) -> str:
        """``text`` with every secret replaced by ``***``."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """The same over nested dicts, lists and tuples of plain values; keys included."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.value(item) for item in value)
        return value


def redact_url(url: str) -> str:
    """``url`` without user, password, fragment, or the values of query keys that sound like credentials."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{MASK}@{host}" if "@" in parts.netloc else host
    query = "&".join(_mask_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def _mask_pair(pair: str) -> str:
    key, equals, _ = pair.partition("=")
    return f"{key}={MASK}" if equals and _TELLING.search(key) else pair


def secrets_in(value: Any) -> list[Secret]:
    """Every Secret inside ``value``: pydantic models, dicts, lists and tuples are searched."""
    if isinstance(value, Secret):
        return [value]
    if isinstance(value, dict):
        return [s for item in value.values() for s in secrets_in(item)]
    if isinstance(value, list | tuple | set | frozenset):
        return [s for item in value for s in secrets_in(item)]
    if hasattr(value, "__pydantic_fields__"):
        return [s for name in value.__pydantic_fields__ for s in secrets_in(getattr(value, name))]
    return []
