"""Kinds that other packages bring along: the example package of the docs, installed and used, and ones that break."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fakes.process import prober
from fakes.receiver import receiver
from fakes.results import Target, http_result

from prober.app.guarded import Guarded
from prober.model import Result
from prober.probes import KINDS
from prober.sinks import SINKS

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "acme-prober"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example is installed, as pip does it."""
    place = tmp_path_factory.mktemp("acme")
    shutil.copytree(EXAMPLE, place / "source")
    command = [Path(sys.executable).with_name("uv"), "pip", "install", "--offline", "--python", sys.executable]
    options = ["--no-deps", "--no-build-isolation", "--target", place / "site", place / "source"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return place / "site"


def command(*arguments: str | Path, site: Path | None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prober", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environ, **({"PYTHONPATH": str(site)} if site else {})},
        timeout=60,
    )


@contextmanager
def redis(answer: bytes = b"+PONG\r\n") -> Iterator[int]:
    """A server that answers each line with ``answer``; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    if connection.recv(100):
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def config(place: Path, port: int, sink_port: int = 8125, more: str = "") -> Path:
    path = place / "probes.yaml"
    path.write_text(f"""
checks: [{{id: cache, kind: redis, host: 127.0.0.1, port: {port}, interval: 1s, timeout: 1s}}]
channels: {{oncall: {{kind: pager, url: "${{PAGER_URL}}", team: checkout}}}}
routes: [{{channels: [oncall]}}]
sinks: [{{kind: statsd, port: {sink_port}, prefix: synthetics}}]
concurrency: {{redis: 3}}
{more}
""")
    return path


def test_the_configuration_of_the_example_is_valid_where_it_is_installed(site: Path) -> None:
    done = command("validate", "--strict", EXAMPLE / "probes.yaml", site=site, PAGER_URL="http://pager.example/")
    assert (done.returncode, "fine: 1 check (redis)" in done.stdout) == (0, True), done.stderr


def test_where_it_is_not_its_kinds_are_unknown() -> None:
    done = command("validate", EXAMPLE / "probes.yaml", site=None, PAGER_URL="http://pager.example/")
    assert done.returncode == 2
    assert "line 4: checks[0].kind: no such kind of check" in done.stderr
    assert "sinks[0].kind: no such kind of sink" in done.stderr


def test_mistakes_in_its_options_are_told_like_all_others(site: Path, tmp_path: Path) -> None:
    (tmp_path / "probes.yaml").write_text("checks: [{id: cache, kind: redis, host: here, port: 0}]\n")
    done = command("validate", tmp_path / "probes.yaml", site=site)
    assert done.returncode == 2
    assert "line 1: checks[0].port:" in done.stderr


def test_a_run_measures_with_its_probe_and_publishes_to_its_sink(site: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd, redis() as port:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(20)
        path = config(tmp_path, port, statsd.getsockname()[1])
        told = {"PAGER_URL": "http://pager.example/"}
        done = command("run", "--publish", "--json", "-", "--config", path, site=site, **told)
        assert done.returncode == 0, done.stderr
        counted, timed = statsd.recv(1000).decode().splitlines()
    (seen,) = json.loads(done.stdout)["results"]
    assert (seen["kind"], seen["target"], seen["verdict"]) == ("redis", f"redis://127.0.0.1:{port}", "up")
    assert seen["phases"]["dialogue"] > 0
    assert counted == "synthetics.cache.up:1|c"
    assert timed.startswith("synthetics.cache.duration:")


@pytest.mark.parametrize(("answer", "reason"), [(b"-ERR\r\n", "dialogue"), (b"", "dialogue")])
def test_what_its_target_does_wrong_has_a_reason(site: Path, tmp_path: Path, answer: bytes, reason: str) -> None:
    with redis(answer) as port:
        path = config(tmp_path, port)
        done = command("run", "--json", "-", "--config", path, site=site, PAGER_URL="http://pager.example/")
    assert done.returncode == 1
    assert json.loads(done.stdout)["results"][0]["reason"] == reason


def test_its_channel_is_told_what_is_down_by_a_prober_of_several_processes(site: Path, tmp_path: Path) -> None:
    with receiver() as pager:
        more = "defaults: {alert: {down_after: 1}}\nengine: {processes: 2}\nlogs: {dir: logs, format: ecs}\n"
        path = config(tmp_path, 1, more=more)
        environ = {"PYTHONPATH": str(site), "PAGER_URL": f"{pager.url}/page"}
        with prober("serve", "--config", path, "--listen", "127.0.0.1:0", environ=environ) as running:
            (posted,) = pager.wait_for(1)
            url = running.wait_for(r'"url": "(http://[^"]+)"')[1]
            metrics = httpx.get(f"{url}/metrics").text
    lines = [json.loads(line) for line in (tmp_path / "logs" / "combined.log").read_text().splitlines()]
    assert "serving" in [line["message"] for line in lines]
    assert (posted.path, posted.body["team"], posted.body["kind"]) == ("/page", "checkout", "trigger")
    assert 'prober_sink_dropped_total{reason="broken",sink="statsd"} 0.0' in metrics


def test_the_schema_for_editors_has_its_kinds(site: Path) -> None:
    definitions = json.loads(command("schema", site=site).stdout)["$defs"]
    assert definitions["check-redis"]["properties"]["host"]["description"] == "The server's name or address."
    assert {"channel-pager", "sink-statsd", "sink-ndjson"} <= definitions.keys()


def bring(place: Path, group: str, kind: str, text: str) -> None:
    """A package as installers leave it behind, whose module has ``text``."""
    (place / "other.py").write_text(text)
    info = place / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{kind} = other\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import no_such_library\n", "No module named 'no_such_library'"),
        ("Spec = undefined = (\n", "was never closed"),
        ("", "has no attribute 'Spec'"),
        ("class Spec: pass\n", "its Spec is none of prober's"),
    ],
)
def test_a_package_that_breaks_is_an_error_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    bring(tmp_path, "prober.sinks", "odd", text)
    (tmp_path / "probes.yaml").write_text("sinks:\n  - {kind: odd}\n")
    done = command("validate", tmp_path / "probes.yaml", site=tmp_path)
    assert done.returncode == 2
    assert "line 2: sinks[0].kind: the kind odd cannot be used:" in done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_kind_that_is_built_in_cannot_be_replaced(tmp_path: Path) -> None:
    bring(tmp_path, "prober.probes", "http", "raise SystemExit('replaced')\n")
    (tmp_path / "probes.yaml").write_text("checks: [{id: web, kind: http, url: 'http://127.0.0.1/'}]\n")
    done = command("validate", tmp_path / "probes.yaml", site=tmp_path)
    assert done.returncode == 0, done.stderr


def test_what_is_installed_is_not_looked_through_for_kinds_that_are_built_in() -> None:
    script = """
from pathlib import Path
from prober.config import load
from prober.notify import CHANNELS
from prober.probes import KINDS
from prober.sinks import SINKS
load(Path("probes.yaml"), {}, lenient=True)
assert "slack" in CHANNELS
print([shelf.group for shelf in (KINDS, CHANNELS, SINKS) if "brought" in vars(shelf)])
"nothing" in SINKS
print("brought" in vars(SINKS))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines() == ["[]", "True"]


def test_a_shelf_lists_what_is_built_in_first() -> None:
    assert list(SINKS)[: len(SINKS.built_in)] == list(SINKS.built_in)
    assert {"cloudwatch", "elasticsearch", "ndjson"} <= set(SINKS.built_in)
    assert len(KINDS) == len(list(KINDS))


class Broken:
    """A sink that does what none may."""

    queued = 3
    dropped = {"full": 2}

    def offer(self, result: Result) -> None:
        raise ZeroDivisionError

    def close(self, grace_s: float) -> None:
        raise ZeroDivisionError


def test_a_sink_that_breaks_costs_its_own_results_and_nothing_else() -> None:
    sink = Guarded(Broken(), "broken")
    sink.offer(http_result(Target(id="shop")))
    sink.offer(http_result(Target(id="shop")))
    sink.close(0.0)
    assert (sink.queued, sink.dropped) == (3, {"full": 2, "broken": 2})
