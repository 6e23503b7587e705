"""A real Alertmanager (Debian's prometheus-alertmanager) on loopback; what it sends on, a test configures."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"
COMMAND = "prometheus-alertmanager"


class Alertmanager:
    """What it holds, by its API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def alerts(self) -> list[dict[str, Any]]:
        """Those that fire; resolved ones are not listed."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v2/alerts").raise_for_status().json()
        return found


@contextmanager
def alertmanager(folder: Path, text: str = CONFIG) -> Iterator[Alertmanager]:
    """A running one on a free port, configured by ``text``."""
    config = folder / "alertmanager.yml"
    config.write_text(text)
    arguments = [
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
    ]
    with subprocess.Popen([COMMAND, *arguments], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            listening = (re.search(r"address=(127\.0\.0\.1:\d+)", line) for line in process.stderr)
            match = next(found for found in listening if found)
            yield Alertmanager(f"http://{match[1]}")
        finally:
            process.terminate()
            process.communicate()
