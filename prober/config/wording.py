"""pydantic's errors in the words of someone who writes YAML: where, what was expected, and what to write instead.

Nothing the document holds is repeated but numbers, booleans and keys: any text may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from prober.config.shapes import keys_at, secret_texts
from prober.config.tree import Path
from prober.model import format_duration
from prober.secret import Redactor

MOST_COMPARED = 2000  # comparing takes 50 us a word
IDENTIFIER_WORDS = "expected a name of up to 100 letters, digits, dots, dashes and underscores"

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "is_instance_of": "text",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_KEY_ERRORS = ("missing", "extra_forbidden")
_QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake at a place inside the validated value."""

    path: Path
    message: str
    hint: str | None = None
    about_key: bool = False
    """Whether a key is missing or unknown, which no value could mend."""


@dataclass(frozen=True, slots=True)
class _Mistake:
    """One of pydantic's errors with its place in the raw value."""

    path: Path
    branched: bool
    """Whether it tells of one member of a union only."""
    type: str
    message: str
    context: Mapping[str, Any]
    raw: Any


def suggest(word: object, known: Iterable[str], among: str | None = None) -> str | None:
    """A hint for a misspelt ``word``: the nearest of those ``known``, else all of them."""
    words = list(known)
    if isinstance(word, str) and len(word) <= 100 and len(words) <= MOST_COMPARED:
        folded = {one.lower(): one for one in words}
        if close := get_close_matches(word.lower(), folded, 1, 0.6):
            return f"did you mean {folded[close[0]]!r}?"
    if not words or len(words) > 40:
        return None
    return f"{among or 'known are'} {', '.join(words)}"


def explain(error: ValidationError, model: type[BaseModel], raw: Any) -> list[Finding]:
    """Everything ``error`` holds about ``raw``, which was to become a ``model``; one finding a place."""
    mistakes = [_locate(detail, raw) for detail in error.errors(include_url=False, include_input=False)]
    deepest = {mistake.path[:length] for mistake in mistakes for length in range(len(mistake.path))}
    by_path: dict[Path, list[_Mistake]] = {}
    for mistake in mistakes:
        # A member of a union that was not meant complains at the top, the one that was meant further inside.
        if not (mistake.branched and mistake.path in deepest):
            by_path.setdefault(mistake.path, []).append(mistake)
    redact = Redactor(secret_texts(model, raw)).text
    return [_word(group, model, redact) for group in by_path.values()]


def _locate(detail: Any, raw: Any) -> _Mistake:
    path: list[str | int] = []
    branched, value = False, raw
    absent = detail["type"] in _KEY_ERRORS
    for index, part in enumerate(detail["loc"]):
        last = index == len(detail["loc"]) - 1
        if part == "[key]" and last:
            continue
        if (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        ):
            path.append(part)
            value = value[part]
        elif absent and last:
            path.append(part)
        else:
            branched = True
    return _Mistake(tuple(path), branched, detail["type"], detail["msg"], detail.get("ctx", {}), value)


def _word(group: list[_Mistake], model: type[BaseModel], redact: Callable[[str], str]) -> Finding:
    """One finding for all that was said of one place."""
    wanted = list(dict.fromkeys(_TYPES[mistake.type] for mistake in group if mistake.type in _TYPES))
    telling = [mistake for mistake in group if mistake.type not in _TYPES]
    if telling and not (wanted and all(mistake.branched for mistake in telling)):
        first = telling[0]
        message, hint = _WORDINGS.get(first.type, _word_other)(first, model)
        return Finding(first.path, redact(message), hint, first.type in _KEY_ERRORS)
    raw = group[0].raw
    others = [_WORDINGS.get(one.type, _word_other)(one, model)[0].removeprefix("expected ") for one in telling]
    if "a number" in wanted and "a whole number" in wanted:
        wanted.remove("a whole number")
    message = f"expected {' or '.join([*wanted, *others])}, not {_describe(raw)}"
    return Finding(group[0].path, redact(message), _hint_type(wanted, raw))


def _describe(raw: Any) -> str:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int | float):
        return f"the number {raw}"
    return {type(None): "nothing", str: "text", list: "a list", dict: "a mapping"}.get(type(raw), "this")


def _hint_type(wanted: list[str], raw: Any) -> str | None:
    if isinstance(raw, bool | int | float) and "text" in wanted:
        return "write it in quotes"
    if isinstance(raw, str) and "true or false" in wanted:
        return "write true or false, without quotes; references are always text"
    if isinstance(raw, str) and ("a number" in wanted or "a whole number" in wanted):
        return "write it without quotes; references are always text"
    if wanted == ["a list"] and not isinstance(raw, dict):
        return "write it in brackets: [...]"
    return None


Wording = tuple[str, str | None]


def _word_missing(mistake: _Mistake, model: type[BaseModel]) -> Wording:
    return "required, but missing", None


def _word_unknown_key(mistake: _Mistake, model: type[BaseModel]) -> Wording:
    return "unknown key", suggest(mistake.path[-1], keys_at(model, mistake.path[:-1]))


def _word_bound(mistake: _Mistake, model: type[BaseModel]) -> Wording:
    key, words = _BOUNDS[mistake.type]
    limit = mistake.context[key]
    return f"expected {words} {format_duration(limit) if isinstance(mistake.raw, str) else limit}", None


def _word_choice(mistake: _Mistake, model: type[BaseModel]) -> Wording:
    expected = str(mistake.context.get("expected", mistake.context.get("expected_tags", "")))
    choices = _QUOTED.findall(expected)
    words = " or ".join(filter(None, (", ".join(choices[:-1]), *choices[-1:])))
    return f"expected {words or expected}", suggest(mistake.raw, choices) if len(choices) > 5 else None


def _word_tag(mistake: _Mistake, model: type[BaseModel]) -> Wording:
    return f"required, but missing: {str(mistake.context['discriminator']).strip(chr(39))}", None


def _word_length(mistake: _Mistake, model: type[BaseModel]) -> Wording:
    context = mistake.context
    words = f"at least {context['min_length']}" if "min_length" in context else f"at most {context['max_length']}"
    unit = "characters" if mistake.type.startswith("string") else "items"
    return f"expected {words} {unit[:-1] if words.endswith(' 1') else unit}", None


def _word_pattern(mistake: _Mistake, model: type[BaseModel]) -> Wording:
    pattern = str(mistake.context["pattern"])
    named = pattern.startswith("^[A-Za-z0-9][A-Za-z0-9._-]")
    return IDENTIFIER_WORDS if named else f"expected to match {pattern}", None


def _word_value(mistake: _Mistake, model: type[BaseModel]) -> Wording:
    return " ".join(str(mistake.context.get("error", mistake.message)).split()), None


def _word_other(mistake: _Mistake, model: type[BaseModel]) -> Wording:
    return mistake.message[:1].lower() + mistake.message[1:], None


_WORDINGS: Mapping[str, Callable[[_Mistake, type[BaseModel]], Wording]] = {
    "missing": _word_missing,
    "extra_forbidden": _word_unknown_key,
    **dict.fromkeys(_BOUNDS, _word_bound),
    "literal_error": _word_choice,
    "enum": _word_choice,
    "union_tag_invalid": _word_choice,
    "union_tag_not_found": _word_tag,
    "too_short": _word_length,
    "too_long": _word_length,
    "string_too_short": _word_length,
    "string_too_long": _word_length,
    "string_pattern_mismatch": _word_pattern,
    "value_error": _word_value,
    "assertion_error": _word_value,
}
