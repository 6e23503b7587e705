"""The host's side of ``vitals.js``: keeps the latest state of every navigation and tells each once it changed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prober.journey.run import Emit
from prober.model import Navigation
from prober.secret import redact_url

SCRIPT = (Path(__file__).parent / "vitals.js").read_text()
BINDING = "__prober_vitals"
NAVIGATIONS_KEPT = 200
QUIET_MS = 500.0  # this long without a candidate, a shift or a long task, and a page counts as still

_VITALS = ("ttfb", "fp", "fcp", "lcp", "inp", "tbt")
_TEXT = 300


class Collector:
    """Takes the page's messages, which anything on the page could forge: only numbers and short texts get through."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._fresh = False
        self._latest: dict[str, Mapping[str, Any]] = {}
        self._began: dict[str, float] = {}
        self._changed: dict[str, None] = {}

    def take(self, source: object, message: object) -> None:
        """The binding's callback."""
        now = time.monotonic()
        try:
            state = json.loads(message) if isinstance(message, str) else None
        except (ValueError, RecursionError):
            return
        if not isinstance(state, dict) or not isinstance(key := state.get("key"), str):
            return
        known = self._latest.get(key)
        self._fresh |= known is None
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

    def take_fresh(self) -> bool:
        """Whether a navigation was seen for the first time since the last call."""
        fresh, self._fresh = self._fresh, False
        return fresh


def _navigation(state: Mapping[str, Any]) -> Navigation:
    quiet, cls, element = _number(state.get("quiet")), _number(state.get("cls")), state.get("lcp_element")
    timings = state.get("timings")
    return Navigation(
        kind="soft" if state.get("kind") == "soft" else "hard",
        url=_shown_url(state.get("url")),
        lcp_element=element[:_TEXT] if isinstance(element, str) else None,
        cls=None if cls is None else round(cls, 6),
        timings={f"{name}_s": _seconds(value) for name, value in timings.items()} if isinstance(timings, dict) else {},
        final=quiet is not None and quiet >= QUIET_MS,
        detail=_detail(state.get("detail")),
        **{f"{name}_s": _seconds(state.get(name)) for name in _VITALS},
    )


def _detail(value: object) -> dict[str, Any]:
    """Plain values only, and short; milliseconds become seconds, as everywhere outside the page."""
    told = dict[str, Any]()
    for name, item in list(value.items())[:50] if isinstance(value, dict) else ():
        if isinstance(item, dict):
            told[name[:_TEXT]] = _detail(item)
        elif isinstance(item, str):
            told[name[:_TEXT]] = _shown_url(item) if name == "url" else item[:_TEXT]
        elif name.endswith("_ms"):
            told[name[:_TEXT].removesuffix("ms") + "s"] = _seconds(item)
        else:
            told[name[:_TEXT]] = item if isinstance(item, bool) else _number(item)
    return told


def _shown_url(url: object) -> str:
    try:
        return redact_url(str(url)[:2000])
    except ValueError:
        return "(not a URL)"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _seconds(value: object) -> float | None:
    milliseconds = _number(value)
    return None if milliseconds is None or milliseconds < 0 else round(milliseconds / 1000, 6)
