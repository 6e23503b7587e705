"""A shop of its own for every test, and ways to buy in it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from prober.demo.server import running

Json = dict[str, Any]


@pytest.fixture
def shop_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def client(shop_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop_url, headers={"User-Agent": "a person's browser"}, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def lasting_client() -> Iterator[httpx.Client]:
    """Talks to one shop for all the tests that leave no trace in it."""
    with running() as url, httpx.Client(base_url=url, timeout=10) as client:
        yield client


@pytest.fixture
def wish() -> Json:
    """A valid order for two seats."""
    return {
        "items": [{"event_id": "aurora-symphony", "seats": ["F6", "F7"]}],
        "email": "ada@example.com",
        "name": "Ada Guest",
        "card": {"number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123"},
    }
