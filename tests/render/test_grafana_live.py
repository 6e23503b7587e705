"""Every query of every dashboard, asked of a real Prometheus that scrapes a real prober and the demo shop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from fakes.authority import Authority
from fakes.boards import asked, boards
from fakes.process import prober
from fakes.prometheus import Prometheus, prometheus
from fakes.script import Server, answer, http

from prober.demo.server import running

pytestmark = pytest.mark.timeout(240)
ROOT = Path(__file__).parents[2]
BOARDS = boards()
WITHIN_S = 120.0
EMPTY = {
    "prober_store_dropped_results_total": "no result was lost",
    "prober_sink_queued_results": "there is no sink",
    "prober_sink_dropped_total": "there is no sink",
    "prober_pool_recycled_total": "no worker was replaced yet",
}
"""What there is nothing to show of, and why."""
CONFIG = """
regions: [eu-west-1]
browser: {{slots: 1}}
channels: {{ops: {{kind: webhook, url: "http://127.0.0.1:9/"}}}}
routes: [{{channels: ops}}]
checks:
  - {{id: storefront, kind: http, url: "{shop}/", interval: 2s, timeout: 2s}}
  - {{id: health, kind: http, url: "{shop}/health", interval: 2s, timeout: 2s}}
  - {{id: port, kind: tcp, address: "{address}", interval: 2s, timeout: 2s}}
  - {{id: closed, kind: tcp, address: "127.0.0.1:9", interval: 1s, timeout: 1s}}
  - {{id: secure, kind: http, url: "{secure}", interval: 2s, timeout: 2s, tls: {{ca_file: "{authority}"}}}}
  - {{id: purchase, kind: browser, journey: checks/purchase.py, interval: 1m, timeout: 60s}}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("boards")
    authority = Authority(folder)
    (folder / "checks").symlink_to(ROOT / "checks")
    with running() as shop, Server(http(answer()), authority.good()) as secure:
        address = shop.removeprefix("http://")
        config = folder / "probes.yaml"
        text = CONFIG.format(
            shop=shop, address=address, secure=secure.url(host="localhost"), authority=authority.ca_file
        )
        config.write_text(text)
        serve = ("serve", "--config", config, "--region", "eu-west-1", "--listen", "127.0.0.1:0")
        with prober(*serve, environ={"EVENTCHAIN_URL": shop}) as process:
            url = process.wait_for(r'"url": "http://([^"]+)".*"event": "serving"')[1]
            own = {"job_name": "prober", "honor_labels": True, "static_configs": [{"targets": [url]}]}
            backend = {"job_name": "eventchain-backend", "static_configs": [{"targets": [address]}]}
            scraping = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [own, backend]}
            (folder / "prometheus.yml").write_text(yaml.safe_dump(scraping))
            with prometheus(folder) as server:
                yield server


def silent(server: Prometheus, uid: str) -> list[tuple[str, str]]:
    return [(panel, query) for panel, query in asked(BOARDS[uid]) if not server.query(query)]


def expected(query: str) -> bool:
    return any(name in query for name in EMPTY)


@pytest.mark.parametrize("uid", BOARDS)
def test_every_query_of_a_dashboard_has_data(world: Prometheus, uid: str) -> None:
    end = time.monotonic() + WITHIN_S
    missing: list[tuple[str, str]] | None = None
    while missing != []:
        assert time.monotonic() < end, missing
        time.sleep(0.5)  # another process's progress, not time passing
        try:
            missing = [one for one in silent(world, uid) if not expected(one[1])]
        except httpx.TransportError as error:
            missing = [("it is not up yet", str(error))]


def test_what_is_said_to_be_empty_is_still_asked_for_somewhere() -> None:
    queries = [query for board in BOARDS.values() for _, query in asked(board)]
    assert all(any(name in query for query in queries) for name in EMPTY)


def test_the_variables_offer_the_checks_and_regions_there_are(world: Prometheus) -> None:
    offered = {}
    for board in BOARDS.values():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = variable["definition"].removeprefix("label_values(").removesuffix(")").split(", ")
                answer = httpx.get(
                    f"{world.url}/api/v1/label/{label}/values", params={"match[]": metric}, trust_env=False
                )
                offered[board["uid"], variable["name"]] = answer.json()["data"]
    every = ["closed", "health", "port", "purchase", "secure", "storefront"]
    assert offered["prober-overview", "check"] == every
    assert offered["prober-journey", "check"] == ["purchase"]
    assert offered["prober-health", "region"] == ["eu-west-1"]
