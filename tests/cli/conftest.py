"""A configuration, the store beside it, and the command line in between."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.commanding import Command, in_process

from prober.store import Store

CONFIG = """
channels:
  ops: {kind: webhook, url: "https://ops.example/"}
  hook: {kind: webhook, url: "https://hook.example/${HOOK_TOKEN}"}
  idle: {kind: webhook, url: "https://idle.example/"}
routes:
  - {channels: [ops], tags: [shop], escalate: [{after: 15m, channels: [hook]}]}
  - {channels: [hook], severity: [critical], fallback: ops}
selfwatch: {channels: [ops]}
maintenance:
  - {schedule: "0 3 * * sun", duration: 2h, checks: "checkout-*", reason: weekly work}
  - {start: "2020-01-01T00:00", end: "2020-01-01T01:00", reason: long ago}
checks:
  - {id: shop, kind: http, url: "https://shop.example/", tags: [shop]}
  - {id: checkout-card, kind: http, url: "https://shop.example/card", tags: [shop]}
  - {id: checkout-bank, kind: http, url: "https://shop.example/bank"}
"""


@pytest.fixture
def prober(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Command]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "ada")
    with in_process(monkeypatch, capsys) as command:
        yield command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "probes.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def store(config: Path) -> Iterator[Store]:
    """The store of ``config``, held open as a running prober does."""
    with closing(Store(config.parent / "prober.db")) as store:
        yield store
