"""The prober as its web's process sees it: a View whose functions ask over the lines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from prober.app.webside.later import Later
from prober.app.webside.lines import Lines
from prober.app.webside.setting import Configured, Setting
from prober.history import History
from prober.model import Check
from prober.secret import Redactor
from prober.sinks.prometheus import Exposition
from prober.store import Store
from prober.web import Actions, Health, Replies, Signals, View
from prober.web.status.offer import Offer


class Far:
    """An object at the other end: its methods are asked for by name; those that give futures over ``later``."""

    def __init__(self, lines: Lines, name: str, later: Later, futures: Container[str] = ()) -> None:
        self._lines = lines
        self._name = name
        self._later = later
        self._futures = futures

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)
        ask = self._later.ask if method in self._futures else self._lines.call
        return partial(ask, f"{self._name}.{method}")


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


class FarConfig:
    """The configuration, kept here until it changes."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._one_at_a_time = threading.Lock()
        self._redactor = Redactor()
        self.now = cast(Configured, None)
        self.here: tuple[Check, ...] = ()
        self.refresh()

    def refresh(self) -> bool:
        """Take up what has changed; whether anything has. Raises Retryable where the prober does not answer."""
        with self._one_at_a_time:
            pieces = self._lines.stream("configured", self.now.digest if self.now else "")
            head: Configured | None = next(pieces, None)
            if head is None:
                return False
            now = replace(head, checks=tuple(chain.from_iterable(pieces)))
            self.here = tuple(check for check in now.checks if check.id in now.here)
            self._redactor = Redactor(now.secrets)
            self.now = now
            return True

    def masked(self, value: Any) -> Any:
        """``value`` without the configuration's secrets."""
        return self._redactor.value(value)


def far_view(
    lines: Lines, vital: Lines, later: Later, setting: Setting, config: FarConfig, store: Store, history: History
) -> View:
    """A View of what is at the other end of ``lines``; over ``vital`` goes what machines must always be told."""

    has, ask = setting.has, partial(partial, lines.call)
    return View(
        region=setting.region,
        exposition=cast(Exposition, FarExposition(vital)),
        registry=FarRegistry(vital),
        snapshot=lambda: list(chain.from_iterable(lines.stream("snapshot"))),
        one=ask("row"),
        healthy=lambda: cast(Health, vital.call("healthy")),
        ready=lambda: cast(Health, vital.call("ready")),
        artifact=ask("artifact"),
        incidents=ask("incidents"),
        replies=cast(Replies, Far(lines, "replies", later)) if "replies" in has else None,
        probe=partial(later.ask, "probe") if "probe" in has else None,
        checks=lambda: config.here,
        history=history,
        actions=cast(Actions, Far(lines, "actions", later, ("run_now",))) if "actions" in has else None,
        signals=cast(Signals, Far(lines, "signals", later, ("ping", "webhook"))) if "signals" in has else None,
        status=_offer(lines, setting, config, store) if "status" in has else None,
        inner=ask("inner"),
        masked=config.masked,
    )


def _offer(lines: Lines, setting: Setting, config: FarConfig, store: Store) -> Offer:
    return Offer(
        pages=setting.web.status_pages,
        base=setting.base,
        public_url=setting.web.public_url,
        store=store,
        checks=lambda: config.now.checks,
        windows=lambda: config.now.windows,
        key=lambda: cast("bytes | None", lines.call("status.key")),
        retention_s=lambda: config.now.retention_s,
        wake=lambda: lines.call("status.wake"),
    )
