"""Worlds with status pages, and clients of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fakes.alerts import AT
from fakes.pages import PAGE, World, served
from fakes.past import Past

from prober.clock import MovedClock
from prober.config import load
from prober.model import Verdict
from prober.store import Store
from prober.web import Row

Make = Callable[..., World]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes worlds of a configuration."""
    stores: list[Store] = []

    def made(text: str = PAGE) -> World:
        (tmp_path / "probes.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "news").mkdir(exist_ok=True)
        clock = MovedClock(AT)
        stores.append(Store.in_memory(clock))
        loaded = load(tmp_path / "probes.yaml", {}, lenient=False)
        rows = [Row(one.id, one.kind, one.target, Verdict.UP) for one in loaded.config.checks]
        return World(loaded, clock, Past(AT), stores[-1], rows)

    yield made
    for store in stores:
        store.close()


@pytest.fixture
def world(make: Make) -> World:
    return make()


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with served(world) as client:
        yield client
