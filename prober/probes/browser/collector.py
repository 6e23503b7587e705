"""The host's side of ``vitals.js``: keeps the latest state of every navigation and tells each once it changed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from prober.journey.run import Emit
from prober.model import Navigation
from prober.secret import redact_url

PARTS = ("vitals.js", "loading.js", "telling.js")
SCRIPT = "\n".join(
    ("(function start() {", '"use strict";', *((Path(__file__).parent / name).read_text() for name in PARTS), "})();")
)
BINDING = "__prober_vitals"
NAVIGATIONS_KEPT = 200
QUIET_MS = 500.0  # this long without a candidate, a shift or a long task, and a page counts as still

_VITALS = ("ttfb", "fp", "fcp", "lcp", "inp", "tbt")
_TEXT = 300
_NAME = 100
_FIELDS = 50
_DEPTH = 4
_MESSAGE = 100_000


class Collector:
    """Takes the page's messages, which anything on the page could forge: only numbers and short texts get through."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.fresh = False
        """A navigation was seen for the first time; who has seen to it sets it back."""
        self._latest: dict[str, Mapping[str, Any]] = {}
        self._began: dict[str, float] = {}
        self._changed: dict[str, None] = {}

    def take(self, source: Mapping[str, Any], message: object) -> None:
        """The binding's callback, which frames of the page can call too; those are not heard."""
        now = time.monotonic()
        frame = source.get("frame")
        if frame is not None and frame.parent_frame is not None:
            return
        state = _parsed(message)
        if not isinstance(key := state.get("key"), str) or len(key) > _NAME:
            return
        known = self._latest.get(key)
        self.fresh |= known is None
        if known is None and len(self._latest) >= NAVIGATIONS_KEPT:
            return
        if known and (_number(state.get("number")) or 0) <= (_number(known.get("number")) or 0):
            return
        self._latest[key] = state
        self._changed[key] = None
        # A message may come late but never early: the earliest beginning it allows is the best guess.
        began = now - (_number(state.get("age")) or 0.0) / 1000
        self._began[key] = min(began, self._began.get(key, began))

    def tell(self, step_at: Callable[[float], int | None]) -> None:
        """Tell every navigation that changed since the last call, under the step in which it began."""
        for key in self._changed:
            step = step_at(self._began[key])
            told = asdict(_navigation(self._latest[key]))
            self._emit({"event": "navigation", "key": key, "step": step, "navigation": told})
        self._changed.clear()


def _parsed(message: object) -> Mapping[str, Any]:
    try:
        state = json.loads(message) if isinstance(message, str) and len(message) <= _MESSAGE else None
    except (ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


def _navigation(state: Mapping[str, Any]) -> Navigation:
    still, cls, element = _number(state.get("still")), _number(state.get("cls")), state.get("lcp_element")
    timings = state.get("timings")
    told = islice(timings.items(), _FIELDS) if isinstance(timings, dict) else ()
    return Navigation(
        kind="soft" if state.get("kind") == "soft" else "hard",
        url=_shown_url(state.get("url")),
        lcp_element=element[:_NAME] if isinstance(element, str) else None,
        cls=None if cls is None else round(cls, 6),
        timings={f"{name[:_NAME]}_s": _seconds(value) for name, value in told},
        final=still is not None and still >= QUIET_MS,
        detail=_detail(state.get("detail"), _DEPTH),
        **{f"{name}_s": _seconds(state.get(name)) for name in _VITALS},
    )


def _detail(fields: object, depth: int) -> dict[str, Any]:
    """Plain values only, few and short; milliseconds become seconds, as everywhere outside the page."""
    told = dict[str, Any]()
    for name, item in islice(fields.items(), _FIELDS) if isinstance(fields, dict) else ():
        field = name[:_NAME]
        if isinstance(item, dict):
            told[field] = _detail(item, depth - 1) if depth else None
        elif isinstance(item, str):
            told[field] = (_shown_url(item) if name == "url" else item)[:_TEXT]
        elif name.endswith("_ms"):
            told[field.removesuffix("ms") + "s"] = _seconds(item)
        else:
            told[field] = item if isinstance(item, bool | int) else _rounded(item)
    return told


def _shown_url(url: object) -> str:
    try:
        return redact_url(str(url)[:2000])
    except ValueError:
        return "(not a URL)"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer no float can hold
        return None


def _rounded(value: object) -> float | None:
    number = _number(value)
    return None if number is None else round(number, 6)


def _seconds(value: object) -> float | None:
    milliseconds = _number(value)
    return None if milliseconds is None or milliseconds < 0 else round(milliseconds / 1000, 6)
