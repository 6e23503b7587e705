"""The API over real sockets and a real SQLite store, an hour after AT."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fakes.alerts import AT
from fakes.rest import LOGIN, PAUSED, SHOP, Alarm, Door, Past, Runner, Site, view_of

from prober.app.actions import StoreActions
from prober.app.asked import AskedRuns
from prober.clock import MovedClock
from prober.model import Check
from prober.store import Store
from prober.web import WebServer, create_app


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "empty.db"
    Store(path).close()
    return path


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One that runs in a thread, as the main loop does beside the web's."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def site(tmp_path: Path, empty_file: Path, loop: asyncio.AbstractEventLoop) -> Iterator[Site]:
    path = tmp_path / "prober.db"
    path.write_bytes(empty_file.read_bytes())
    clock = MovedClock(AT + 3_600)
    checks: list[Check] = [SHOP, LOGIN, PAUSED]
    with closing(Store(path, clock)) as store:
        alarm: Any = Alarm(store)
        runner = Runner()
        runs = AskedRuns(lambda: runner, lambda: {check.id: check for check in checks}, loop)
        site = Site(clock, store, alarm, runner, runs, loop, checks)
        config: Any = SimpleNamespace(checks=checks)
        actions = StoreActions(alarm, runs, lambda: config, site.take_signal)
        site.view = view_of(site, actions, Past(site))
        server = WebServer(Door(create_app(site.view)), "127.0.0.1", 0)
        server.start()
        site.url = f"http://127.0.0.1:{server.port}"
        yield site
        site.on_loop(runs.close)
        server.stop(5.0)


@pytest.fixture
def api(site: Site) -> Iterator[httpx.Client]:
    """Somebody who may do everything."""
    with site.client() as client:
        yield client
