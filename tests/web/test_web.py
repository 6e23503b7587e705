"""The web side over real sockets."""

from __future__ import annotations

import gzip
import http.client
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.remote_write import prometheus
from fakes.results import Target, http_result
from fakes.site import admitted
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from prober.clock import MovedClock
from prober.faults import UserFault
from prober.model import Incident
from prober.sinks.prometheus import Exposition
from prober.web import Health, Row, View, WebServer, create_app
from prober.web.formats import wants_openmetrics

CHECK = Target(id="storefront")


class Shown:
    """What the view under test shows; tests change it."""

    def __init__(self) -> None:
        self.exposition = Exposition("prober", "eu-west-1")
        self.exposition.add(CHECK)
        self.exposition.offer(http_result(CHECK))
        self.registry = CollectorRegistry()
        self.rows: list[Row] = []
        self.incidents: list[Incident] = []
        self.health = Health(True)
        self.readiness = Health(True)
        self.clock = MovedClock(wall=1_700_000_000.0)

    def view(self) -> View:
        return View(
            region="eu-west-1",
            exposition=self.exposition,
            registry=self.registry,
            snapshot=lambda: self.rows,
            healthy=lambda: self.health,
            ready=lambda: self.readiness,
            clock=self.clock,
            incidents=lambda: self.incidents,
        )


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def server(shown: Shown) -> Iterator[WebServer]:
    server = WebServer(admitted(create_app(shown.view())), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop(5.0)


@pytest.fixture
def client(server: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=10) as client:
        yield client


def test_metrics_come_with_the_type_prometheus_insists_on(client: httpx.Client) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'probe_success{job="prober",instance="https://shop.example/",check="storefront"' in answer.text


def test_the_processs_own_metrics_follow_and_a_name_never_comes_twice(shown: Shown, client: httpx.Client) -> None:
    Gauge("prober_config_last_reload_successful", "Whether", registry=shown.registry).set(1)
    Gauge("probe_success", "A clash", registry=shown.registry).set(9)
    Counter("prober_check_runs", "Another", registry=shown.registry).inc()
    body = client.get("/metrics").text
    names = re.findall(r"^# TYPE (\S+)", body, re.MULTILINE)
    assert len(names) == len(set(names))
    assert names.index("prober_config_last_reload_successful") > names.index("prober_schedule_lag_seconds")
    assert list(text_string_to_metric_families(body))
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


PROMETHEUS_ACCEPTS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def test_openmetrics_comes_to_those_who_ask_for_it_with_its_end_and_every_name_once(
    shown: Shown, client: httpx.Client
) -> None:
    Gauge("prober_config_last_reload_successful", "Whether", registry=shown.registry).set(1)
    Counter("prober_check_runs", "A clash", registry=shown.registry).inc()
    shown.exposition.offer(http_result(CHECK, facts={"trace_id": "ab" * 16}))
    answer = client.get("/metrics", headers={"Accept": PROMETHEUS_ACCEPTS})
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("\n# EOF\n")
    names = [family.name for family in openmetrics_families(answer.text)]
    assert len(names) == len(set(names))
    assert {"prober_check_runs", "prober_config_last_reload_successful"} <= set(names)
    assert f'# {{trace_id="{"ab" * 16}"}} 0.25' in answer.text


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/plain;version=0.0.4, application/openmetrics-text;q=0.5", False),
        ("application/openmetrics-text; version=0.0.1", False),
        ("application/openmetrics-text; version=2.0.0", False),
        ("application/openmetrics-text; q=0", False),
        ("application/openmetrics-text; q=much", False),
        ("application/openmetrics-text", True),
        ('Application/OpenMetrics-Text; Version="1.0.0"; charset=utf-8', True),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.3", True),
        (PROMETHEUS_ACCEPTS, True),
    ],
)
def test_openmetrics_is_chosen_by_its_version_and_weight(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


def test_a_real_prometheus_scrapes_openmetrics_and_keeps_the_exemplars(
    shown: Shown, server: WebServer, tmp_path: Path
) -> None:
    began = time.time() - 60
    shown.exposition.offer(http_result(CHECK, facts={"trace_id": "ab" * 16}, at=time.time()))
    config = (
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: prober\n"
        "    honor_labels: true\n"
        f'    static_configs: [{{targets: ["127.0.0.1:{server.port}"]}}]\n'
    )
    with prometheus(tmp_path, config) as real:
        found: list[dict[str, Any]] = []
        ends = time.monotonic() + 20
        while not found and time.monotonic() < ends:
            found = real.exemplars("prober_check_duration_seconds_bucket", began, time.time() + 60)
    assert [one["labels"] for one in found[:1]] == [{"trace_id": "ab" * 16}]


def test_metrics_are_zipped_for_those_who_ask(server: WebServer) -> None:
    bodies = []
    for encoding in ("identity", "gzip"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/metrics", headers={"Accept-Encoding": encoding})
        answer = connection.getresponse()
        assert answer.headers["Content-Encoding"] == ("gzip" if encoding == "gzip" else None)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["Vary"] == "Accept-Encoding"
        bodies.append(answer.read())
        connection.close()
    assert gzip.decompress(bodies[1]) == bodies[0]


def test_health_and_readiness_say_why_not(shown: Shown, client: httpx.Client) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
    assert client.get("/readyz").status_code == 200
    shown.readiness = Health(False, "the config is not loaded yet")
    shown.health = Health(False, "the loop has stood still for 40 s")
    for path, line in (
        ("/readyz", "the config is not loaded yet\n"),
        ("/healthz", "the loop has stood still for 40 s\n"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (503, line)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/health", "/prober.css", "/prober.js"])
def test_nothing_but_reading_is_allowed(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/healthz", "/readyz", "/health", "/prober.css", "/prober.js", "/icon.svg"]
)
def test_head_has_the_headers_and_no_body(client: httpx.Client, path: str) -> None:
    head, got = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("path", ["/", "/metrics", "/nope", "/static/../../secret", "/%2e%2e/etc/passwd"])
def test_every_answer_is_guarded_and_tells_nothing_of_the_server(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "server" not in headers


def test_a_taken_port_is_the_users_fault_and_said_with_its_address(server: WebServer, shown: Shown) -> None:
    with pytest.raises(UserFault, match=rf"cannot listen on 127\.0\.0\.1:{server.port}: .*\(EADDRINUSE\)"):
        WebServer(create_app(shown.view()), "127.0.0.1", server.port).start()


@pytest.mark.parametrize(
    ("host", "port"), [("192.0.2.1", 0), ("no.such.host.invalid", 0), ("127.0.0.1", 70_000), ("a" * 300, 1)]
)
def test_an_address_that_cannot_be_had_is_the_users_fault(shown: Shown, host: str, port: int) -> None:
    with pytest.raises(UserFault, match="cannot listen on"):
        WebServer(create_app(shown.view()), host, port).start()


def test_stopping_frees_the_port_and_ends_the_thread(shown: Shown) -> None:
    first = WebServer(create_app(shown.view()), "127.0.0.1", 0)
    first.start()
    idle = socket.create_connection(("127.0.0.1", first.port))
    assert httpx.get(f"http://127.0.0.1:{first.port}/healthz").status_code == 200
    first.stop(5.0)
    first.stop(5.0)
    idle.close()
    assert "web" not in {thread.name for thread in threading.enumerate()}
    second = WebServer(create_app(shown.view()), "127.0.0.1", first.port)
    second.start()
    second.stop(5.0)


def test_a_server_that_never_started_can_be_stopped(shown: Shown) -> None:
    WebServer(create_app(shown.view()), "127.0.0.1", 0).stop(1.0)


def test_a_reader_that_does_not_read_cannot_hold_up_the_end(shown: Shown) -> None:
    for number in range(3000):
        check = CHECK.model_copy(update={"id": f"c{number}"})
        shown.exposition.add(check)
        shown.exposition.offer(replace(http_result(check)))
    server = WebServer(create_app(shown.view()), "127.0.0.1", 0)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as stuck:
        stuck.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stuck.recv(100).startswith(b"HTTP/1.1 200")
        assert httpx.get(f"http://127.0.0.1:{server.port}/healthz").status_code == 200
        started = time.perf_counter()
        server.stop(0.3)
        assert time.perf_counter() - started < 2.5
    assert "web" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    "junk",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000],
    ids=["a TLS hello", "half a request", "a header without end"],
)
def test_junk_is_refused_and_the_server_goes_on(server: WebServer, client: httpx.Client, junk: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(junk)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")
    assert client.get("/healthz").status_code == 200
