"""The API over real sockets and a real SQLite store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fakes.rest import Site, site_at

from prober.store import Store


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "empty.db"
    Store(path).close()
    return path


@pytest.fixture
def site(tmp_path: Path, empty_file: Path) -> Iterator[Site]:
    path = tmp_path / "prober.db"
    path.write_bytes(empty_file.read_bytes())
    with site_at(path) as site:
        yield site


@pytest.fixture
def api(site: Site) -> Iterator[httpx.Client]:
    """Somebody who may do everything."""
    with site.client() as client:
        yield client


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, empty_file: Path) -> Iterator[Site]:
    """One for tests that leave nothing behind which another could see."""
    path = tmp_path_factory.mktemp("lasting") / "prober.db"
    path.write_bytes(empty_file.read_bytes())
    with site_at(path) as site:
        yield site


@pytest.fixture(scope="module")
def same(lasting: Site) -> Iterator[httpx.Client]:
    with lasting.client() as client:
        yield client
