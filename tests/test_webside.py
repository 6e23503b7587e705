"""The web side in a process of its own: as if it were within, and no more to the prober than its answers."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from fakes.receiver import receiver
from prometheus_client import CollectorRegistry

from prober.app.service.front import configured_of
from prober.app.targets import Place
from prober.app.webside import Configured, Setting, WebSide
from prober.app.webside.lines import COUNT
from prober.config import Web, load
from prober.config.sections import Logs
from prober.shard import WHOLE
from prober.sinks.prometheus import Exposition
from prober.store import Store
from prober.web import Health, View

PROBER = Path(sys.executable).with_name("prober")
CHECKS = """
checks:
  - {id: shop, kind: tcp, address: "127.0.0.1:{port}", interval: 1s, timeout: 1s}
  - {id: gone, kind: http, url: "http://127.0.0.1:1/", interval: 1s, timeout: 1s}
"""


class Prober:
    """A running ``prober serve``."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=20, **more)

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def web(self) -> psutil.Process:
        """The web's process; it may only just be there."""
        return until(lambda: [one for one in self.children if "webside" in " ".join(one.cmdline())])[0]


def until(seen: Callable[[], Any], within_s: float = 30.0) -> Any:
    """What ``seen`` gives once it gives anything; it asks another process, which takes its time by itself."""
    ends = time.monotonic() + within_s
    while True:
        try:
            if found := seen():
                return found
        except (httpx.HTTPError, psutil.Error):
            pass
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.05)


@contextmanager
def serving(folder: Path, web: str = "") -> Iterator[Prober]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = f"listen: '127.0.0.1:{port}'"
    (folder / "probes.yaml").write_text(CHECKS.replace("{port}", str(port)) + f"web: {{{listen}{web}}}\n")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([PROBER, "serve"], cwd=folder, stdout=log, stderr=log, text=True)
        try:
            prober = Prober(process, f"http://127.0.0.1:{port}")
            until(lambda: prober.get("/readyz").status_code == 200)
            yield prober
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)


@pytest.fixture
def prober(tmp_path: Path) -> Iterator[Prober]:
    with serving(tmp_path) as running:
        yield running


def test_everything_is_answered_from_a_process_of_its_own(prober: Prober) -> None:
    assert prober.web().pid != prober.process.pid
    metrics = until(lambda: "probe_success{" in prober.get("/metrics").text and prober.get("/metrics").text)
    assert "process_resident_memory_bytes" in metrics, "the prober's own, not the web's"
    opened = prober.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert opened.text.endswith("# EOF\n")
    incident = until(lambda: prober.get("/api/v1/incidents").json()["incidents"])[0]
    assert incident["check_id"] == "gone"
    for path in ("/", "/checks/gone", "/health", "/incidents", f"/incidents/{incident['id']}", "/healthz"):
        assert prober.get(path).status_code == 200, path
    assert prober.get("/checks/nobody").status_code == 404
    assert prober.get("/probe?target=x").status_code == 404, "not configured"


def test_more_probes_are_asked_for_at_once_than_there_are_lines(tmp_path: Path) -> None:
    (tmp_path / "modules.yml").write_text("modules: {http_2xx: {prober: http, timeout: 30s}}\n")
    many = COUNT * 3
    with receiver() as shop, serving(tmp_path, ", blackbox_config: modules.yml") as prober:
        shop.hung_paths.add("/slow")
        target = f"/probe?module=http_2xx&target={shop.url}/slow"
        with ThreadPoolExecutor(many) as people:
            asked = [people.submit(httpx.get, f"{prober.url}{target}", timeout=60) for _ in range(many)]
            shop.wait_for(many)
            assert prober.get("/checks/gone").status_code == 200, "pages are served meanwhile"
            shop.open.set()
            assert all("\nprobe_success 1\n" in one.result(60).text for one in asked)


def test_a_process_that_cannot_be_started_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, failures = asyncio.create_subprocess_exec, [OSError(errno.EAGAIN, "no more processes")]

    async def started(*command: str, **more: Any) -> asyncio.subprocess.Process:
        if failures:
            raise failures.pop()
        return await start(*command, **more)

    async def main(listener: socket.socket) -> str:
        side = WebSide(view(), lambda known: None if known else configured(), setting(tmp_path), listener, os.environ)
        await side.start()
        try:
            async with asyncio.timeout(60), httpx.AsyncClient(timeout=20) as client:
                await side.answering()
                return (await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/healthz")).text
        finally:
            await side.stop(5.0)

    Store(tmp_path / "prober.db").close()
    monkeypatch.setattr(asyncio, "create_subprocess_exec", started)
    assert asyncio.run(main(socket.create_server(("127.0.0.1", 0)))) == "ok\n"
    assert not failures


def test_what_runs_here_follows_from_the_configuration_alone(tmp_path: Path) -> None:
    """The web may ask before the checks are in place, and is not told again what has the same digest."""
    path = tmp_path / "probes.yaml"
    path.write_text(
        CHECKS.replace("{port}", "1").replace("id: gone,", "id: gone, regions: [us],") + "regions: [eu, us]\n"
    )
    told = configured_of(load(path, {}, lenient=True), Place("eu", WHOLE))
    assert told.here == {"shop"}
    assert {check.id for check in told.checks} == {"shop", "gone"}


def view() -> View:
    exposition, well = Exposition("prober", "eu"), Health(True)
    return View("eu", exposition, CollectorRegistry(), tuple, lambda: well, lambda: well)


def configured() -> Configured:
    return Configured("digest", Web(), (), 90 * 86_400.0, 7 * 86_400.0, (), frozenset(), ())


def setting(folder: Path) -> Setting:
    return Setting("eu", folder, folder / "prober.db", Web(), frozenset(), Logs())


def test_what_is_done_there_is_done_here(prober: Prober) -> None:
    run = httpx.post(f"{prober.url}/api/v1/checks/shop/runs?wait=20s", timeout=30)
    assert run.status_code == 200
    assert run.json()["verdict"] == "up"
    incident = until(lambda: prober.get("/api/v1/incidents").json()["incidents"])[0]
    acked = httpx.post(f"{prober.url}/api/v1/incidents/{incident['id']}/ack", json={"by": "Ada"}, timeout=20)
    assert acked.status_code == 200
    assert prober.get(f"/api/v1/incidents/{incident['id']}").json()["acked_by"].startswith("Ada")


def test_a_web_that_was_killed_is_followed_by_another_while_the_checks_go_on(prober: Prober) -> None:
    first = prober.web()
    runs = runs_of(prober)
    first.kill()
    second = until(lambda: (web := prober.web()).pid != first.pid and web)
    assert prober.get("/healthz").text == "ok\n"
    assert prober.web().pid == second.pid
    assert until(lambda: runs_of(prober) > runs)
    assert prober.process.poll() is None


def test_a_prober_that_was_killed_takes_its_web_along_and_its_port_is_free(prober: Prober, tmp_path: Path) -> None:
    web = prober.web()
    prober.process.send_signal(signal.SIGKILL)
    prober.process.wait(20)
    psutil.wait_procs([web], timeout=20)
    assert not web.is_running()
    with serving(tmp_path) as again:
        assert again.get("/healthz").text == "ok\n"


def test_a_prober_that_is_told_to_end_leaves_nothing_behind(prober: Prober, tmp_path: Path) -> None:
    children = [prober.web(), *prober.children]
    prober.process.terminate()
    assert prober.process.wait(30) == 0
    assert not [one for one in children if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert "error" not in {json.loads(line)["level"] for line in (tmp_path / "log").read_text().splitlines()}


def test_a_reload_reaches_the_web(prober: Prober, tmp_path: Path) -> None:
    path = tmp_path / "probes.yaml"
    path.write_text(path.read_text().replace("{id: gone,", "{id: new,"))
    os.kill(prober.process.pid, signal.SIGHUP)
    until(lambda: prober.get("/checks/new").status_code == 200)
    until(lambda: {row["id"] for row in prober.get("/api/v1/checks").json()["checks"]} == {"shop", "new"})


def test_all_of_it_may_stay_in_one_process(tmp_path: Path) -> None:
    with serving(tmp_path, ", apart: false") as prober:
        assert prober.get("/").status_code == 200
        assert not [one for one in prober.children if "webside" in " ".join(one.cmdline())]


def runs_of(prober: Prober) -> float:
    lines = prober.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("prober_check_runs_total{"))
