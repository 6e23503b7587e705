"""The prober's end of the lines: what a name that is asked for calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from prober.app.webside.lines import Find
from prober.app.webside.setting import Configured
from prober.pace import in_pieces
from prober.web import View

AT_ONCE = 50
"""So many rows or checks are packed at a time: the interpreter is not shared while that is done."""

PARTS = ("replies", "actions", "signals", "status")
"""Objects of which every function may be asked for."""


def near(view: View, configured: Callable[[str], Configured | None]) -> tuple[Find, frozenset[str]]:
    """How names are found, and which of the parts of a View that may be missing are there.

    ``configured`` is given the digest that is known, and gives nothing where that is the one in use.
    """
    plain: dict[str, Callable[..., Any]] = {
        "render": lambda openmetrics: view.exposition.render(openmetrics=openmetrics),
        "collect": lambda: list(view.registry.collect()),
        "snapshot": lambda: iter(in_pieces(view.snapshot(), AT_ONCE)),
        "row": view.row,
        "healthy": view.healthy,
        "ready": view.ready,
        "artifact": view.artifact,
        "incidents": lambda: list(view.incidents()),
        "inner": view.inner,
        "configured": lambda known: _changed(configured(known)),
    }
    if view.probe is not None:
        plain["probe"] = view.probe
    parts = {name: part for name in PARTS if (part := getattr(view, name)) is not None}

    def find(name: str) -> Callable[..., Any]:
        if name in plain:
            return plain[name]
        part, _, method = name.partition(".")
        if part not in parts or method.startswith("_"):
            raise LookupError(f"nothing is called {name}")
        found: Callable[..., Any] = getattr(parts[part], method)
        return found

    return find, frozenset({*parts, *(["probe"] if "probe" in plain else [])})


def _changed(now: Configured | None) -> Iterator[Any]:
    """All but its checks, and then these; nothing where nothing has changed."""
    if now is not None:
        yield replace(now, checks=())
        yield from in_pieces(now.checks, AT_ONCE)
