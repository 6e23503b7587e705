"""A real Prometheus on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml


class Prometheus:
    """What it knows."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series that ``query`` gives now."""
        return self._get("query", query=query)["result"]

    def values(self, metric: str, label: str) -> list[str]:
        """The values of ``label``, as a dashboard's variable asks for them."""
        return self._get(f"label/{label}/values", **{"match[]": metric})

    def _get(self, path: str, **params: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=params, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@contextmanager
def prometheus(folder: Path, *jobs: dict[str, Any]) -> Iterator[Prometheus]:
    """A Prometheus that scrapes ``jobs`` every second and keeps its data in ``folder``."""
    program = shutil.which("prometheus") or "/usr/bin/prometheus"
    config = folder / "prometheus.yml"
    config.write_text(
        yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": list(jobs)})
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    with subprocess.Popen(
        [*command, f"--web.listen-address={listen}", "--log.level=warn"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Prometheus(f"http://{listen}")
        finally:
            process.kill()
