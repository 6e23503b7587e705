"""A real Prometheus (Debian's prometheus) on loopback."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx


class Prometheus:
    """What it knows, by its API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that ``expression`` finds now, each with ``metric`` and ``value``."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, trust_env=False)
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return found

    def failed_rules(self) -> list[dict[str, Any]]:
        """Rules that could not be evaluated."""
        groups = httpx.get(f"{self.url}/api/v1/rules", trust_env=False).raise_for_status().json()["data"]["groups"]
        assert groups
        return [rule for group in groups for rule in group["rules"] if rule["health"] == "err"]

    def firing(self) -> set[tuple[str, str]]:
        """(alertname, check) of all alerts that fire."""
        found = self.query('ALERTS{alertstate="firing"}')
        return {(one["metric"]["alertname"], one["metric"].get("check", "")) for one in found}


@contextmanager
def prometheus(folder: Path) -> Iterator[Prometheus]:
    """A running one on a free port, with the ``prometheus.yml`` in ``folder``."""
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with subprocess.Popen(["prometheus", *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said: list[str] = []
            for line in process.stderr:
                said.append(line)
                if match := re.search(r'msg="Listening on" address=(127\.0\.0\.1:\d+)', line):
                    break
            else:
                raise AssertionError("it did not start:\n" + "".join(said))
            drain = threading.Thread(target=process.stderr.read)
            drain.start()
            yield Prometheus(f"http://{match[1]}")
            process.terminate()
            process.wait()
            drain.join()
        finally:
            process.kill()
