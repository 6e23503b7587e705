"""What every test shares: a clean environment, and nothing that leaves this machine."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# The same examples every time, and no limit on one of them: a busy machine is no finding.
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("thorough", deadline=None, derandomize=True, max_examples=200)
settings.load_profile("steady")

# Those whose results hang on how soon a browser answers; the others may share the cores with anything.
BROWSER_FILES = (
    "test_api",
    "test_browser_authoring",
    "test_browser_evidence",
    "test_browser_faults",
    "test_browser_launch",
    "test_browser_pool",
    "test_browser_vitals",
    "test_grafana_live",
    "test_pages_in_browser",
    "test_pool",
    "test_purchase",
    "test_run_pages",
    "test_status_in_browser",
)


class OneWorkerForBrowsers(LoadScopeScheduling):
    """Files stay together, and one worker takes all that wait for a browser: side by side they slow each other."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "browsers" if drives_a_browser(Path(file)) else file


def drives_a_browser(file: Path) -> bool:
    return file.stem.startswith(BROWSER_FILES)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerForBrowsers:
    return OneWorkerForBrowsers(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest scope begins first."""
    items.sort(key=lambda item: not drives_a_browser(item.path))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that steer the prober or its libraries are gone; a test sets what it needs."""
    for name in list(os.environ):
        if name.startswith(("PROBER_", "AWS_", "EVENTCHAIN_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
