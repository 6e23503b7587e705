"""``/probe`` of a running prober: off unless configured, reloaded with its file, and no hindrance to stopping."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import httpx
from fakes.process import prober
from fakes.receiver import receiver
from fakes.script import Server, listen, stall

MODULES = """
modules:
  http_2xx: {prober: http, http: {preferred_ip_protocol: ip4}}
"""


def get(url: str, **params: str) -> httpx.Response:
    return httpx.get(url, params=params, timeout=30, trust_env=False)


def test_without_modules_there_is_no_probe_page(tmp_path: Path) -> None:
    (tmp_path / "probes.yaml").write_text("checks: []\n")
    with prober("serve", "--config", tmp_path / "probes.yaml", "--listen", "127.0.0.1:0") as process:
        place = process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]
        assert get(f"{place}/probe", target="127.0.0.1:1").status_code == 404


def test_the_page_probes_by_its_file_as_it_is_now_and_lets_the_prober_stop(tmp_path: Path) -> None:
    (tmp_path / "probes.yaml").write_text("web: {blackbox_config: blackbox.yml}\n")
    file = tmp_path / "blackbox.yml"
    file.write_text(MODULES)
    with (
        receiver() as service,
        Server([listen, stall]) as silent,
        prober("serve", "--config", tmp_path / "probes.yaml", "--listen", "127.0.0.1:0") as process,
    ):
        place = process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]
        answer = get(f"{place}/probe", target=service.url)
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "probe_success 1\n" in answer.text
        assert get(f"{place}/probe", target=service.url, module="later").status_code == 400
        file.write_text("modules: {broken")
        process.wait_for("reload refused")
        assert get(f"{place}/probe", target=service.url).status_code == 200
        file.write_text(MODULES + "  later: {prober: tcp, tcp: {preferred_ip_protocol: ip4}}\n")
        process.send(signal.SIGHUP)
        process.wait_for("modules read")
        assert "probe_success 1\n" in get(f"{place}/probe", target=silent.place, module="later").text
        answers: list[int] = []
        waiting = threading.Thread(
            target=lambda: answers.append(get(f"{place}/probe", target=silent.url()).status_code)
        )
        waiting.start()
        assert silent.heard.wait(20)
        process.send(signal.SIGTERM)
        assert process.end() == 0
        waiting.join()
    assert answers == [503]


def test_a_modules_file_with_mistakes_stops_serve_and_validate(tmp_path: Path) -> None:
    (tmp_path / "probes.yaml").write_text("web: {blackbox_config: blackbox.yml}\n")
    (tmp_path / "blackbox.yml").write_text("modules: {m: {prober: nope}}\n")
    for command in ("serve", "validate"):
        with prober(command, "--config", tmp_path / "probes.yaml") as process:
            process.wait_for(r"blackbox\.yml: modules\.m\.prober: Input should be")
            assert process.end() == 2
