"""The site of ``fakes.site`` behind a real server, asked as a browser without script does."""

from collections.abc import Iterator

import httpx
import pytest
from fakes.plans import many
from fakes.site import Site, serving


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with serving(site.view()) as client:
        yield client


@pytest.fixture
def large_client() -> Iterator[httpx.Client]:
    with serving(Site(many(500)).view()) as client:
        yield client
