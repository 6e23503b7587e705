"""Running a check now, by a real prober: beside its schedule, recorded, shown, counted."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fakes.process import prober
from fakes.receiver import Answer, Receiver, receiver

CONFIG = """
engine: {{processes: {processes}}}
defaults: {{interval: 1h, timeout: 20s}}
checks:
  - {{id: shop, kind: http, url: "{url}/shop"}}
  - {{id: slow, kind: http, url: "{url}/slow"}}
  - {{id: paused, kind: http, url: "{url}/", enabled: false}}
"""


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest.mark.parametrize("processes", [1, 2])
def test_a_check_runs_now_and_its_result_goes_the_way_of_all_results(
    tmp_path: Path, shop: Receiver, processes: int
) -> None:
    config = tmp_path / "probes.yaml"
    config.write_text(CONFIG.format(processes=processes, url=shop.url))
    with prober("serve", "--config", config, "--listen", "127.0.0.1:0") as process:
        url = process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]
        for number in range(processes if processes > 1 else 0):
            process.wait_for(rf'"engine": {number}, "pid": \d+, "event": "an engine process runs"')
        with httpx.Client(base_url=f"{url}/api/v1", timeout=60, trust_env=False) as api:
            shop.always = Answer(503)
            asked = api.post("/checks/shop/runs?wait=30s")
            assert asked.status_code == 200, asked.text
            run = asked.json()
            assert (run["check_id"], run["verdict"], run["reason"]) == ("shop", "down", "status")
            assert run["outcomes"][0]["seen"] == "503"
            assert api.get(asked.headers["location"].removeprefix("/api/v1")).json() == run
            latest = api.get("/checks/shop").json()["latest"]
            assert latest["verdict"] == "down"
            counted = re.search(
                r'prober_check_runs_total\{check="shop".*verdict="down".*\} (\S+)', httpx.get(f"{url}/metrics").text
            )
            assert counted is not None
            assert float(counted[1]) >= 1
            assert api.post("/checks/paused/runs").status_code == 409

            # One that runs is waited for, never overlapped.
            shop.hung_paths.add("/slow")
            first = api.post("/checks/slow/runs").json()["run_id"]
            again = api.post("/checks/slow/runs")
            assert (again.status_code, first in again.json()["detail"]) == (409, True)
            assert api.get(f"/runs/{first}").json()["status"] == "pending"
            shop.open.set()
        process.send(signal.SIGTERM)
        assert process.end() == 0
    with sqlite3.connect(tmp_path / "prober.db") as database:
        kept = database.execute("select verdict from results where run_id = ?", (run["run_id"],)).fetchall()
    assert kept == [("down",)]
