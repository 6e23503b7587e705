"""What every test shares: a clean environment, and nothing that leaves this machine."""

import os

import pytest

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "CI")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that steer the prober or its libraries are gone; a test sets what it needs."""
    for name in list(os.environ):
        if name.startswith(("PROBER_", "AWS_", "EVENTCHAIN_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
