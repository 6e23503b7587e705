"""The demo shop visited by the real engine in a real Chromium, its runs kept in a real store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from fakes.alerts import Way
from fakes.rest import Alarm
from prober.alerting import Recorder, Roster, Surroundings
from prober.app.actions import StoreActions
from prober.app.artifacts import Archive
from prober.app.assemble import open_engine
from prober.clock import SystemClock
from prober.config import load
from prober.config.sections import Artifacts
from prober.demo.server import running
from prober.history import History
from prober.model import Check, Result
from prober.sinks.prometheus import Exposition
from prober.store import Store
from prober.web import Health, View

REGION = "eu-west-1"
ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
browser: {slots: 1, pinned: false, evidence: {keep: always, filmstrip: true}}
checks:
  - id: purchase
    kind: browser
    title: Buy two tickets by card
    journey: $ROOT/checks/purchase.py
    interval: 5m
    timeout: 60s
    alert: {down_after: 1, up_after: 1}
    runbook: https://wiki.example/purchase
  - id: storefront
    kind: http
    title: Storefront
    url: $SHOP/
    interval: 1m
    alert: {down_after: 1, up_after: 1}
    expect: {status: 200}
"""
VISITS: Mapping[str, Mapping[str, Any]] = {
    "slow": {"slow_hero_s": 2.8, "layout_shift": True, "slow_click_s": 0.3},
    "good": {},
    "refused": {"payment": "refused"},
}
"""What is bought, by name, and how the dials stand meanwhile."""


@dataclass(frozen=True)
class Shopping:
    """What came of it, while the shop is open no more."""

    store: Store
    archive: Archive
    checks: tuple[Check, ...]
    runs: dict[str, Result] = field(default_factory=dict)
    """By the visit's name; those of the storefront are ``storefront up`` and ``storefront down``."""

    @property
    def view(self) -> View:
        """What the web side shows of it."""
        alarm: Any = Alarm(self.store)
        config: Any = SimpleNamespace(checks=self.checks)
        nothing_runs: Any = None
        return store_view(
            self.store,
            artifact=self.archive.find,
            checks=lambda: self.checks,
            incidents=self.store.open_incidents,
            actions=StoreActions(alarm, nothing_runs, lambda: config),
        )


def store_view(store: Store, **parts: Any) -> View:
    """What the web side shows of ``store``, as of now."""
    healthy = lambda: Health(True)  # noqa: E731
    history = History(store, parts.get("checks", tuple))
    return View(
        REGION, Exposition("prober", REGION), CollectorRegistry(), list, healthy, healthy, history=history, **parts
    )


@contextmanager
def shopping(home: Path) -> Iterator[Shopping]:
    """Visit the shop once per dial, and record it all as ``serve`` would."""
    place = home / "artifacts"
    with running() as url:
        (home / "probes.yaml").write_text(CONFIG.replace("$ROOT", str(ROOT)).replace("$SHOP", url))
        loaded = load(home / "probes.yaml", {"EVENTCHAIN_URL": url}, lenient=False)
        checks = loaded.config.checks
        runs = asyncio.run(_visited(loaded, url, place))
    archive = Archive(place, Artifacts())
    for result in runs.values():
        archive.offer(result)
    with closing(Store(home / "prober.db")) as store:
        _record(store, checks, list(runs.values()))
        yield Shopping(store, archive, checks, runs)


async def _visited(loaded: Any, url: str, place: Path) -> dict[str, Result]:
    purchase, storefront = loaded.config.checks
    environ = {**os.environ, "EVENTCHAIN_URL": url}
    runs: dict[str, Result] = {}
    opened = open_engine(loaded, {"browser", "http"}, REGION, SystemClock(), environ, artifacts=place)
    async with opened as engine, httpx.AsyncClient(base_url=url) as shop:
        for name, dials in VISITS.items():
            (await shop.delete("/dials")).raise_for_status()
            (await shop.post("/dials", json=dict(dials))).raise_for_status()
            runs[name] = await engine.run(purchase)
        for name, dials in (("storefront up", {}), ("storefront down", {"error_rate": 1.0})):
            (await shop.delete("/dials")).raise_for_status()
            (await shop.post("/dials", json=dials)).raise_for_status()
            runs[name] = await engine.run(storefront)
    return runs


def _record(store: Store, checks: tuple[Check, ...], results: list[Result]) -> None:
    around = Surroundings(on_state=lambda *_: None, on_notices=lambda _: None)
    with closing(Store.in_memory()) as spare:
        recorder = Recorder(store, spare, REGION, around, linger_s=0.0)
        recorder.start(Roster.of(checks, (Way(("ops",)),)))
        for result in results:
            recorder.put(replace(result, observation=result.observation.without_body()))
        recorder.close(20.0)
