"""The prober as its web's process sees it: a View whose functions ask over the lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from prober.app.webside.lines import Lines
from prober.history import History
from prober.sinks.prometheus import Exposition
from prober.web import Actions, Replies, View


class Far:
    """An object at the other end: its methods are asked for by name."""

    def __init__(self, lines: Lines, name: str, later: Executor | None = None, futures: frozenset[str] = frozenset()):
        self._lines = lines
        self._name = name
        self._later = later
        self._futures = futures

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)
        name = f"{self._name}.{method}"
        if method in self._futures and self._later is not None:
            later = self._later
            return lambda *args, **more: later.submit(self._lines.call, name, *args, **more)
        return lambda *args, **more: self._lines.call(name, *args, **more)


class FarExposition:
    """As much of an Exposition as ``/metrics`` takes."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def render(self, openmetrics: bool = False) -> Iterator[bytes]:
        return self._lines.stream("render", openmetrics)


class FarRegistry(CollectorRegistry):
    """The prober's own metrics, collected where they are."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def collect(self) -> Iterator[Metric]:
        yield from self._lines.call("collect")


def far_view(lines: Lines, region: str, has: frozenset[str], history: History | None, later: Executor) -> View:
    """A View of what is at the other end of ``lines``; ``has`` says which of the parts that may be missing are there."""

    def ask(name: str) -> Callable[..., Any]:
        return lambda *args: lines.call(name, *args)

    def probe(*args: Any) -> Future[Any]:
        return later.submit(lines.call, "probe", *args)

    return View(
        region=region,
        exposition=cast(Exposition, FarExposition(lines)),
        registry=FarRegistry(lines),
        snapshot=ask("snapshot"),
        healthy=ask("healthy"),
        ready=ask("ready"),
        artifact=ask("artifact"),
        incidents=ask("incidents"),
        replies=cast(Replies, Far(lines, "replies")) if "replies" in has else None,
        probe=probe if "probe" in has else None,
        checks=ask("checks"),
        history=history if history is not None else cast(History, Far(lines, "history")) if "history" in has else None,
        actions=cast(Actions, Far(lines, "actions", later, frozenset({"run_now"}))) if "actions" in has else None,
        inner=ask("inner"),
    )


def near(view: View) -> tuple[Callable[[str], Callable[..., Any]], frozenset[str]]:
    """The same view from the prober's side: what a name that is asked for calls, and which parts there are."""
    plain: dict[str, Callable[..., Any]] = {
        "render": lambda openmetrics: view.exposition.render(openmetrics=openmetrics),
        "collect": lambda: list(view.registry.collect()),
        "snapshot": lambda: list(view.snapshot()),
        "healthy": view.healthy,
        "ready": view.ready,
        "artifact": view.artifact,
        "incidents": lambda: list(view.incidents()),
        "checks": lambda: list(view.checks()),
        "inner": lambda: dict(view.inner()),
    }
    if view.probe is not None:
        plain["probe"] = view.probe
    parts = {"replies": view.replies, "actions": view.actions, "history": view.history}
    there = {name: part for name, part in parts.items() if part is not None}

    def find(name: str) -> Callable[..., Any]:
        if name in plain:
            return plain[name]
        part, _, method = name.partition(".")
        if part not in there or method.startswith("_"):
            raise LookupError(f"nothing is called {name}")
        found: Callable[..., Any] = getattr(there[part], method)
        return found

    return find, frozenset({*there, *(name for name in ("probe",) if name in plain)})
