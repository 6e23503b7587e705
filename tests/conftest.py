"""What every test shares: a clean environment, and nothing that leaves this machine."""

import os

import pytest

BROWSER_FILES = ("test_browser", "test_purchase", "test_demo_browser", "test_api")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two workers: one takes all the browsers, which would only slow each other down, and files stay together."""
    for item in items:
        browsing = item.path.stem.startswith(BROWSER_FILES)
        item.add_marker(pytest.mark.xdist_group("browsers" if browsing else item.path.stem))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that steer the prober or its libraries are gone; a test sets what it needs."""
    for name in list(os.environ):
        if name.startswith(("PROBER_", "AWS_", "EVENTCHAIN_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
