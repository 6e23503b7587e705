"""Texts, patterns and JSON values compared with what was expected of them.

Regular expressions are RE2 (https://github.com/google/re2/wiki/Syntax), which runs in linear time on whatever a
target sends; JSON paths are JMESPath (https://jmespath.org/specification.html). Nothing is coerced: ``"1"`` is
not ``1``, and a path that finds nothing never passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any

import jmespath
import re2
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from prober.judge.outcome import SHOWN, outcome, show
from prober.model import Observation, Outcome, Reason, Strict, Verdict


@lru_cache(maxsize=1024)
def _pattern(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(text, options)


@lru_cache(maxsize=1024)
def _path(text: str) -> Any:
    return jmespath.compile(text)


def _check_pattern(text: str) -> str:
    try:
        _pattern(text)
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"not a regular expression RE2 can run: {why}") from None
    return text


def _check_path(text: str) -> str:
    try:
        _path(text)
    except jmespath.exceptions.JMESPathError as error:
        raise ValueError(f"not a JMESPath expression: {' '.join(str(error).split())}") from None
    return text


def listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


Pattern = Annotated[str, AfterValidator(_check_pattern)]
Path = Annotated[str, AfterValidator(_check_path)]
Texts = Annotated[tuple[str, ...], BeforeValidator(listed), Field(strict=False)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(listed), Field(strict=False)]
Scalar = str | int | float | bool


class TextRule(Strict):
    """What a text must hold and must not; a list means all of them."""

    contains: Texts = ()
    """Text that must occur, byte for byte."""
    not_contains: Texts = ()
    """Text that must not occur."""
    matches: Patterns = ()
    """RE2 patterns that must be found somewhere."""
    not_matches: Patterns = ()
    """RE2 patterns that must not be found."""


class HeaderRule(TextRule):
    """What a response header must be; a header sent several times passes when one of its values does."""

    equals: str | None = None
    """The whole value."""


class JsonRule(Strict):
    """Comparisons on what a JMESPath expression finds; all of them must hold, and something must be found."""

    eq: Scalar | None = None
    """The value, of the same type."""
    ne: Scalar | None = None
    """Anything but this value."""
    gt: int | float | None = None
    """A number above this."""
    gte: int | float | None = None
    """A number of at least this."""
    lt: int | float | None = None
    """A number below this."""
    lte: int | float | None = None
    """A number of at most this."""
    one_of: Annotated[tuple[Scalar, ...], Field(strict=False)] | None = None
    """One of these values."""
    contains: Scalar | None = None
    """A text holding this text, or a list holding this value."""
    matches: Pattern | None = None
    """A text in which this RE2 pattern is found."""

    @model_validator(mode="after")
    def _says_something(self) -> JsonRule:
        if not self.model_fields_set:
            raise ValueError("expected a comparison: eq, ne, gt, gte, lt, lte, one_of, contains or matches")
        return self


def _text_outcomes(name: str, rule: TextRule, text: bytes, reason: Reason) -> Iterator[Outcome]:
    shown = text[:SHOWN].decode("utf-8", "replace")
    for part in rule.contains:
        yield outcome(name, part.encode() in text, reason, f"to contain {part!r}", shown)
    for part in rule.not_contains:
        yield outcome(name, part.encode() not in text, reason, f"not to contain {part!r}", shown)
    for pattern in rule.matches:
        yield outcome(name, search(pattern, text), reason, f"to match {pattern!r}", shown)
    for pattern in rule.not_matches:
        yield outcome(name, not search(pattern, text), reason, f"not to match {pattern!r}", shown)


def search(pattern: str, text: bytes) -> bool:
    """Whether the RE2 ``pattern`` is found anywhere in ``text``."""
    # RE2 reads UTF-8; bytes that are none would otherwise end the search early.
    return _pattern(pattern).search(text.decode("utf-8", "replace")) is not None


def header_outcome(name: str, rule: str | HeaderRule, headers: tuple[tuple[str, str], ...]) -> Outcome:
    values = [value for key, value in headers if key.lower() == name.lower()]
    label = f"header {name}"
    if isinstance(rule, str):
        rule = HeaderRule(equals=rule)
    worst: Outcome | None = None
    for value in values:
        outcomes = list(_text_outcomes(label, rule, value.encode(), Reason.HEADER))
        if rule.equals is not None:
            outcomes.append(outcome(label, value == rule.equals, Reason.HEADER, repr(rule.equals), value))
        worst = next((o for o in outcomes if o.verdict is not Verdict.UP), None)
        if worst is None:
            return outcome(label, True, Reason.HEADER, "to hold", value)
    return worst or outcome(label, False, Reason.HEADER, "to be sent", None)


def body_outcomes(rule: TextRule, seen: Observation) -> Iterator[Outcome]:
    if seen.body is None:
        yield outcome("body", False, Reason.BODY, "a body", None)
        return
    if seen.facts.get("truncated") and (rule.not_contains or rule.not_matches):
        # What must not occur may occur in what was not kept; that cannot pass.
        yield outcome("body", False, Reason.BODY, f"all of it within {len(seen.body)} bytes", "a longer one")
    yield from _text_outcomes("body", rule, seen.body, Reason.BODY)


def json_outcomes(rules: Mapping[str, Scalar | JsonRule], seen: Observation) -> Iterator[Outcome]:
    try:
        document = json.loads(seen.body or b"", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        yield outcome("json", False, Reason.JSON, "a JSON body", f"no JSON ({show(str(error))})")
        return
    for path, rule in rules.items():
        yield _json_outcome(path, rule if isinstance(rule, JsonRule) else JsonRule(eq=rule), document)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _json_outcome(path: str, rule: JsonRule, document: object) -> Outcome:
    try:
        value = _path(path).search(document)
    except (jmespath.exceptions.JMESPathError, RecursionError, ArithmeticError, TypeError, ValueError) as error:
        # JMESPath's functions raise Python's own errors where the document holds what they cannot take.
        return outcome(f"json {path}", False, Reason.JSON, "a value", f"no value ({show(str(error))})")
    for operator in rule.model_fields_set:
        wanted = getattr(rule, operator)
        if value is None or not _COMPARE[operator](value, wanted):
            seen = "nothing at this path" if value is None else value
            return outcome(f"json {path}", False, Reason.JSON, _asked(operator, wanted), seen)
    asked = " and ".join(_asked(operator, getattr(rule, operator)) for operator in sorted(rule.model_fields_set))
    return outcome(f"json {path}", True, Reason.JSON, asked, value)


_WORDS = {"eq": "", "ne": "anything but ", "gt": "> ", "gte": ">= ", "lt": "< ", "lte": "<= ", "one_of": "one of "}


def _asked(operator: str, wanted: object) -> str:
    return f"{_WORDS.get(operator, f'{operator} ')}{show(wanted)}"


def _same(seen: object, wanted: object) -> bool:
    if isinstance(seen, bool) or isinstance(wanted, bool):
        return seen is wanted
    if isinstance(seen, int | float) and isinstance(wanted, int | float):
        return seen == wanted
    return type(seen) is type(wanted) and seen == wanted


def _number(seen: object) -> bool:
    return isinstance(seen, int | float) and not isinstance(seen, bool)


def _holds(seen: Any, wanted: Any) -> bool:
    if isinstance(seen, str):
        return isinstance(wanted, str) and wanted in seen
    return isinstance(seen, list) and any(_same(item, wanted) for item in seen)


_COMPARE: Mapping[str, Any] = {
    "eq": _same,
    "ne": lambda seen, wanted: not _same(seen, wanted),
    "gt": lambda seen, wanted: _number(seen) and seen > wanted,
    "gte": lambda seen, wanted: _number(seen) and seen >= wanted,
    "lt": lambda seen, wanted: _number(seen) and seen < wanted,
    "lte": lambda seen, wanted: _number(seen) and seen <= wanted,
    "one_of": lambda seen, wanted: any(_same(seen, one) for one in wanted),
    "contains": _holds,
    "matches": lambda seen, wanted: isinstance(seen, str) and _pattern(wanted).search(seen) is not None,
}
