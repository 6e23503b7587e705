"""evidence.json as it is kept, and only what of it has the shape that pages count on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

EVIDENCE_BYTES = 8 << 20
VERSION = 1

Row = Mapping[str, Any]
Fits = Callable[[Any], bool]

_HALF = re.compile("[\ud800-\udfff]")
"""Half surrogate pairs, which cannot be part of an address."""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str) and not _HALF.search(value)


def _or_none(fits: Fits) -> Fits:
    return lambda value: value is None or fits(value)


def _phases(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_number, value.values()))


_SHAPES: Mapping[str, Mapping[str, Fits]] = {
    "steps": {"name": _text, "began_s": _number, "duration_s": _or_none(_number)},
    "requests": {
        "method": _text,
        "url": _text,
        "type": _text,
        "step": _or_none(_number),
        "status": _or_none(_number),
        "began_s": _number,
        "duration_s": _or_none(_number),
        "phases": _phases,
        "bytes": _or_none(_number),
        "cached": lambda value: isinstance(value, bool),
    },
    "console": {"type": _text, "text": _text, "at_s": _number},
    "failed_requests": {"method": _text, "url": _text},
    "requests_in_flight": {"method": _text, "url": _text, "since_s": _number},
}


def read_evidence(path: Path) -> dict[str, Any]:
    """What ``path`` says; empty where it is gone, too large, or not what is written there."""
    try:
        with path.open("rb") as file:
            content = file.read(EVIDENCE_BYTES + 1)
        found = json.loads(content) if len(content) <= EVIDENCE_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    return shaped(found) if isinstance(found, dict) and found.get("version") == VERSION else {}


def shaped(found: Mapping[str, Any]) -> dict[str, Any]:
    """``found`` without rows that lack what every row of their list has."""
    told = {name: _rows(found.get(name), shape) for name, shape in _SHAPES.items()}
    errors = found.get("page_errors")
    dropped = found.get("requests_dropped")
    return {
        **told,
        "page_errors": [error for error in errors if _text(error)] if isinstance(errors, list) else [],
        "requests_dropped": dropped if _number(dropped) else 0,
    }


def _rows(found: Any, shape: Mapping[str, Fits]) -> list[Row]:
    if not isinstance(found, list):
        return []
    return [row for row in found if isinstance(row, dict) and all(fits(row.get(key)) for key, fits in shape.items())]
