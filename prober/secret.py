"""Values that must never be seen: how they are held, found in texts, and taken out of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

MASK = "***"
CUT = "…"  # what a shortened text ends in
BEGINNING = 8
LONG = 100
SHORTEST = 4  # masking shorter values would blot out ordinary text and still hide nothing

_TELLING = re.compile(r"(?i)pass|secret|token|key|auth|sig|session|sid$|credential|code|otp|jwt")


def sounds_secret(name: str) -> bool:
    """Whether what is called ``name``, a query key or a variable, is likely to hold a credential."""
    return _TELLING.search(name) is not None


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
    """Takes every known secret out of a text: in any case, encoded or escaped, and where a cut went through it."""

    def __init__(self, secrets: Iterable[Secret | str] = ()) -> None:
        values = {s.reveal() if isinstance(s, Secret) else s for s in secrets}
        spellings = {form for value in values for form in _spellings(value) if len(form) >= SHORTEST}
        # Longest first: a secret that contains another must not leave its rest behind.
        ordered = sorted(spellings, key=lambda v: (-len(v), v))
        self._pattern = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None
        # How much of a secret a cut must have left to be worth hiding, and to be no ordinary word.
        self._beginnings = {form.casefold()[: min(BEGINNING, len(form) - 1)]: None for form in ordered}
        self._forms = tuple(form.casefold() for form in ordered)

    @property
    def active(self) -> bool:
        """Whether there is anything to take out."""
        return self._pattern is not None

    def text(self, text: str) -> str:
        """``text`` with every secret replaced by ``***``."""
        if self._pattern is None:
            return text
        *cut, last = self._pattern.sub(MASK, text).split(CUT)
        # Whoever shortens a text says so by the mark, but for those that just take its first hundreds of bytes.
        tail = self._without_tail(last) if len(text) >= LONG else last
        return CUT.join([*map(self._without_tail, cut), tail])

    def _without_tail(self, text: str) -> str:
        """``text`` without the beginning of a secret at its end, where it was cut before anyone looked."""
        folded = text.casefold()
        for start in range(max(0, len(text) - max(map(len, self._forms))), len(text)):
            rest = folded[start:]
            known = any(rest.startswith(beginning) for beginning in self._beginnings)
            if known and any(form.startswith(rest) for form in self._forms):
                return text[:start] + MASK
        return text

    def value(self, value: Any) -> Any:
        """The same over the values of nested dicts, lists and tuples; keys are names, and stay."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.value(item) for item in value)
        return value


def _spellings(value: str) -> set[str]:
    """How a secret may look in what others make of it."""
    lines = {line for text in (value, value.strip()) for line in (text, *text.splitlines())}
    escaped = {form for line in lines for form in (repr(line)[1:-1], json.dumps(line)[1:-1])}
    return {form for line in lines | escaped for form in (line, quote(line, safe=""), quote_plus(line))}


def redact_url(url: str) -> str:
    """``url`` without user, password, fragment, or the values of query keys that sound like credentials."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{MASK}@{host}" if "@" in parts.netloc else host
    query = "&".join(_mask_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def _mask_pair(pair: str) -> str:
    key, equals, _ = pair.partition("=")
    return f"{key}={MASK}" if equals and sounds_secret(key) else pair


def secrets_in(value: Any) -> list[Secret]:
    """Every Secret inside ``value``: pydantic models, dicts, lists and tuples are searched."""
    found: list[Secret] = []
    _gather(value, found, set())
    return found


_PLAIN = frozenset({str, int, float, bool, type(None)})


def _gather(value: Any, found: list[Secret], seen: set[int]) -> None:
    kind = type(value)
    # Ten thousand checks are mostly plain values, and what they leave to its default is one object for all.
    if kind in _PLAIN or id(value) in seen:
        return
    if isinstance(value, Secret):
        found.append(value)
        return
    seen.add(id(value))
    parts: Iterable[Any] = ()
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    elif hasattr(kind, "__pydantic_fields__"):
        if hasattr(kind, "derived_secrets"):
            found += value.derived_secrets()
        parts = value.__dict__.values()
    for part in parts:
        _gather(part, found, seen)
