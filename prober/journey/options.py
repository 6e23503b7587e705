"""The options of ``@journey``: what each may be, as the literals that ``ast`` finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from prober.model import parse_duration

MOST_RETRIES = 3

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text")
    return value


def _identifier(value: object) -> str:
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise ValueError("expected letters, digits, dot, dash or underscore")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("expected a list of names")
    return tuple(map(_identifier, value))


def _variables(value: object) -> tuple[str, ...]:
    names = _texts(value)
    if bad := [name for name in names if not _NAME.fullmatch(name)]:
        raise ValueError(f"expected names of environment variables, not {bad[0]!r}")
    return names


def _duration(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError('expected a duration as text, such as "30s"')
    return parse_duration(value)


def _budgets(value: object) -> dict[str, str | float]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError('expected limits by name, such as {"lcp": "2.5s", "cls": 0.1}')
    if any(isinstance(limit, bool) or not isinstance(limit, str | int | float) for limit in value.values()):
        raise ValueError('expected each limit as a duration such as "2.5s", or a number for cls')
    return dict(value)


def _size(value: object) -> tuple[int, int]:
    match value:
        case (int(width), int(height)) if width > 0 and height > 0:
            return width, height
    raise ValueError("expected (width, height) in pixels")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected True or False")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_RETRIES:
        raise ValueError(f"expected a number from 0 to {MOST_RETRIES}")
    return value


def _patterns(value: object) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        raise ValueError("expected a list of texts")
    return list(value)


def _limits(value: object) -> dict[str, object]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError('expected limits by name, such as {"latency": "150ms", "cpu": 4}')
    return dict(value)


OPTIONS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "id": ("id", _identifier),
    "title": ("title", _text),
    "timeout": ("timeout_s", _duration),
    "interval": ("interval_s", _duration),
    "tags": ("tags", _texts),
    "env": ("env", _variables),
    "budgets": ("budgets", _budgets),
    "device": ("device", _text),
    "viewport": ("viewport", _size),
    "locale": ("locale", _text),
    "timezone": ("timezone", _text),
    "idempotent": ("idempotent", _flag),
    "retries": ("retries", _count),
    "profile": ("", _identifier),
    "block": ("", _patterns),
    "throttle": ("", _limits),
    "first_party": ("", _patterns),
}
"""Every option of the decorator: the field of its Declaration, if it has one of its own, and how its value is read."""
