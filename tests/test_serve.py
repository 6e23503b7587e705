"""The main job as its user meets it: real processes, a real shop, a Slack-shaped server, kill -9."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.process import Prober, prober
from fakes.receiver import Answer, Receiver, receiver

from prober.demo.server import running


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture(autouse=True)
def healed(shop: str) -> Iterator[None]:
    yield
    httpx.delete(f"{shop}/dials", trust_env=False)


@pytest.fixture
def slack() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


CONFIG = """
regions: [eu-west-1, us-east-1]
defaults: {{interval: 1s, timeout: 1s}}
channels:
  ops: {{kind: slack, webhook_url: "{slack}/services/T0/B0/canary-of-slack"}}
routes: [{{channels: [ops]}}]
checks:
  - {{id: health, kind: http, url: "{shop}/health", expect: {{json: {{status: ok}}}}}}
  - {{id: storefront, kind: http, url: "{shop}/", expect: {{body: {{contains: Tickets}}}}}}
  - {{id: port, kind: tcp, address: "{address}"}}
"""


def written(path: Path, shop: str, slack: Receiver, extra: str = "") -> Path:
    address = shop.removeprefix("http://")
    path.write_text(CONFIG.format(shop=shop, slack=slack.url, address=address) + extra)
    return path


def serving(config: Path) -> Any:
    return prober("serve", "--config", config, "--region", "eu-west-1", "--listen", "127.0.0.1:0")


def url_of(process: Prober) -> str:
    return process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]


def get(url: str) -> str:
    return httpx.get(url, trust_env=False).text


def until(holds: Callable[[], bool], within_s: float = 50.0) -> None:
    """Ask every tenth of a second until it holds: what another process does has no event here."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.1)  # another process's progress, not time passing


def sample(metrics: str, name: str) -> float | None:
    return next((float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(name)), None)


def texts(slack: Receiver) -> list[str]:
    return [posted.body["text"] for posted in slack.posted]


def test_an_outage_is_told_once_and_resolved_once_though_the_prober_is_killed_twice(
    tmp_path: Path, shop: str, slack: Receiver
) -> None:
    config = written(tmp_path / "probes.yaml", shop, slack)
    failures = 'prober_check_consecutive_failures{check="health"'
    with serving(config) as process:
        metrics = url_of(process) + "/metrics"
        until(lambda: sample(get(metrics), 'prober_check_state{check="health"') == 0)
        httpx.post(f"{shop}/dials", json={"service_down": "redis"}, trust_env=False)
        until(lambda: (sample(get(metrics), failures) or 0) >= 1)
        seen = sample(get(metrics), failures) or 0
        process.send(signal.SIGKILL)
        process.end()
    with serving(config) as process:
        metrics = url_of(process) + "/metrics"
        assert (sample(get(metrics), failures) or 0) >= min(seen, 1)
        slack.wait_for(1)
        until(lambda: sample(get(metrics), 'prober_check_state{check="health"') == 2)
        process.send(signal.SIGKILL)
        process.end()
    httpx.delete(f"{shop}/dials", trust_env=False)
    with serving(config) as process:
        metrics = url_of(process) + "/metrics"
        slack.wait_for(2)
        runs = 'prober_check_runs_total{check="health",region="eu-west-1",verdict="up"'
        until(lambda: (sample(get(metrics), runs) or 0) >= 4)
        process.send(signal.SIGTERM)
        assert process.end() == 0
    told = texts(slack)
    assert len(told) == 2, told
    assert "health" in told[0]
    assert "Up again" in told[1]
    with sqlite3.connect(tmp_path / "prober.db") as database:
        incidents = database.execute("select check_id, closed_at is not null from incidents").fetchall()
        failed = database.execute("select count(*) from results where check_id='health' and verdict='down'").fetchone()[
            0
        ]
        sent = database.execute("select status from outbox").fetchall()
    assert incidents == [("health", 1)]
    assert failed >= 3
    assert sent == [("sent",), ("sent",)]


def test_metrics_pass_promtool_and_carry_what_dashboards_ask_for(tmp_path: Path, shop: str, slack: Receiver) -> None:
    with serving(written(tmp_path / "probes.yaml", shop, slack)) as process:
        url = url_of(process)
        until(lambda: 'probe_success{job="prober",instance="' in get(url + "/metrics"))
        until(lambda: get(url + "/metrics").count("\nprobe_success{") == 3)
        answer = httpx.get(url + "/metrics", trust_env=False)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert httpx.get(url + "/readyz", trust_env=False).status_code == 200
        assert httpx.get(url + "/healthz", trust_env=False).status_code == 200
        assert "storefront" in get(url + "/")
        checked = subprocess.run(["promtool", "check", "metrics"], input=answer.text, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    for family in (
        "probe_http_duration_seconds",
        "prober_build_info",
        "prober_schedule_lag_seconds",
        "process_open_fds",
    ):
        assert f"# TYPE {family} " in answer.text


def test_a_bad_reload_keeps_the_old_configuration_running_and_a_good_one_takes_over(
    tmp_path: Path, shop: str, slack: Receiver
) -> None:
    config = written(tmp_path / "probes.yaml", shop, slack)
    with serving(config) as process:
        metrics = url_of(process) + "/metrics"
        good = config.read_text()
        until(lambda: (sample(get(metrics), 'prober_check_runs_total{check="storefront"') or 0) >= 1)
        config.write_text(good.replace("timeout: 1s", "timout: 1s"))
        process.send(signal.SIGHUP)
        process.wait_for("did you mean 'timeout'.*reload refused")
        assert sample(get(metrics), "prober_config_last_reload_successful") == 0
        before = sample(get(metrics), 'prober_check_runs_total{check="storefront"') or 0
        until(lambda: (sample(get(metrics), 'prober_check_runs_total{check="storefront"') or 0) >= before + 3)
        config.write_text(good)
        until(lambda: sample(get(metrics), "prober_config_last_reload_successful") == 1)
        config.write_text(good.replace("id: port", "id: another-port"))
        process.wait_for('"event": "reloaded"')
        until(lambda: sample(get(metrics), 'prober_check_runs_total{check="another-port"') is not None)
        text = get(metrics)
        assert 'check="port"' not in text
        assert sample(text, "prober_config_last_reload_successful") == 1
        assert (sample(text, 'prober_check_runs_total{check="storefront"') or 0) >= before + 3
        process.send(signal.SIGTERM)
        assert process.end() == 0


def test_no_secret_of_the_configuration_is_seen_anywhere(tmp_path: Path, shop: str, slack: Receiver) -> None:
    extra = f"""  - id: canaries
    kind: http
    url: "{shop}/health"
    method: POST
    headers: {{X-Key: canary-of-header}}
    body: canary-of-body
    auth: {{basic: {{username: u, password: canary-of-password}}}}
    expect: {{body: {{contains: never there}}}}
  - id: mirror
    kind: http
    url: "{slack.url}"
    headers: {{Authorization: "Bearer canary-of-bearer"}}
    expect: {{body: {{contains: never there}}}}
  - id: address
    kind: http
    url: "{shop}/${{file:token}}?sid=${{file:token}}"
  - id: dialogue
    kind: tcp
    address: "{shop.removeprefix("http://")}"
    dialogue: [{{send: "canary-of-send\\r\\n\\r\\n", expect: never there}}]
heartbeat: {{url: "{slack.url}/canary-of-heartbeat", every: 1s}}
"""
    (tmp_path / "token").write_text("canary-of-address")
    slack.always = Answer(500)  # so that deliveries fail, and are logged
    with serving(written(tmp_path / "probes.yaml", shop, slack, extra)) as process:
        url = url_of(process)
        until(lambda: get(url + "/metrics").count("prober_check_state{") == 7)
        until(lambda: (sample(get(url + "/metrics"), 'prober_check_consecutive_failures{check="dialogue"') or 0) >= 3)
        pages = get(url + "/metrics") + get(url + "/")
        process.send(signal.SIGTERM)
        process.end()
    log = "\n".join(process.lines)
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("prober.db*"))
    listed = subprocess.run(
        [*_command("list"), "--config", str(tmp_path / "probes.yaml")], capture_output=True, text=True, check=True
    ).stdout
    for place, text in {"pages": pages, "log": log, "list": listed, "store": stored.decode("latin-1")}.items():
        assert "canary" not in text.replace("canaries", ""), place


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prober", *arguments]


def test_two_probers_do_not_share_a_store_and_a_taken_port_is_one_line(
    tmp_path: Path, shop: str, slack: Receiver
) -> None:
    config = written(tmp_path / "probes.yaml", shop, slack)
    with serving(config) as first:
        url = url_of(first)
        with serving(config) as second:
            assert second.end() == 2
            assert len(second.lines) == 1
            assert "in use" in second.lines[0]
        other = written(tmp_path / "other.yaml", shop, slack, "store: {path: other.db}\n")
        with prober(
            "serve", "--config", other, "--region", "eu-west-1", "--listen", url.removeprefix("http://")
        ) as third:
            assert third.end() == 2
            assert "cannot listen on" in third.lines[-1]


def test_stopping_lets_a_running_check_end(tmp_path: Path, shop: str, slack: Receiver) -> None:
    config = written(tmp_path / "probes.yaml", shop, slack)
    config.write_text(config.read_text().replace("interval: 1s, timeout: 1s", "interval: 4s, timeout: 4s"))
    httpx.post(f"{shop}/dials", json={"latency_s": {"/health": 2.5}}, trust_env=False)
    with serving(config) as process:
        url = url_of(process)
        until(lambda: sample(get(url + "/metrics"), 'prober_check_runs_total{check="port"') is not None)
        process.wait_for('"check": "health"')  # its state is told once its first slow run is over
        process.send(signal.SIGTERM)
        assert process.end() == 0
    with sqlite3.connect(tmp_path / "prober.db") as database:
        assert database.execute("select count(*) from results where check_id='health'").fetchone()[0] >= 1


def test_results_reach_cloudwatch_over_its_api(tmp_path: Path, shop: str, slack: Receiver) -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    aws = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    aws.start()
    try:
        endpoint = "http://{}:{}".format(*aws.get_host_and_port())
        # A namespace of its own: moto keeps one memory for all the servers of a process.
        sink = (
            f"sinks: [{{kind: cloudwatch, aws_region: eu-west-1, endpoint_url: {endpoint}, flush_interval: 1s, "
            "namespace: EventChain/EndToEnd}]\n"
        )
        config = written(tmp_path / "probes.yaml", shop, slack, sink)
        client = boto3.client(
            "cloudwatch",
            region_name="eu-west-1",
            endpoint_url=endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

        def arrived() -> set[tuple[str, ...]]:
            found = client.list_metrics(Namespace="EventChain/EndToEnd")["Metrics"]
            return {(m["MetricName"], *sorted(d["Value"] for d in m["Dimensions"])) for m in found}

        wanted = {
            (name, "eu-west-1", check) for name in ("Success", "Duration") for check in ("health", "storefront", "port")
        }
        arguments = ("serve", "--config", config, "--region", "eu-west-1", "--listen", "127.0.0.1:0")
        with prober(*arguments, environ=keys) as process:
            url_of(process)
            until(lambda: wanted <= arrived())
            process.send(signal.SIGTERM)
            assert process.end() == 0
        client.close()
    finally:
        aws.stop()
