"""What ``prober run`` leaves for Prometheus and feeds to sinks, as the command does it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.otlp import attributes, collector
from fakes.receiver import Answer, Receiver, receiver
from fakes.remote_write import store
from fakes.results import Target, http_result
from prometheus_client.parser import text_string_to_metric_families

from prober.app.handover import exposition_of, push, write_textfile
from prober.faults import UserFault
from prober.journey.tracing import traceparent

CHECK = Target(id="storefront")


def prober(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prober", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ}, timeout=60)


@pytest.fixture
def service() -> Iterator[Receiver]:
    with receiver() as running:
        running.always = Answer(200, b"fine")
        yield running


@pytest.fixture
def folder(tmp_path: Path, service: Receiver) -> Path:
    (tmp_path / "probes.yaml").write_text(f"""
regions: [eu]
checks:
  - {{id: fine, kind: http, url: "{service.url}/", trace: true}}
  - {{id: broken, kind: tcp, address: "127.0.0.1:1"}}
""")
    return tmp_path


def test_a_run_leaves_a_textfile_and_a_group_on_the_pushgateway_for_each_check(folder: Path, service: Receiver) -> None:
    done = prober("run", "--textfile", "out.prom", "--pushgateway", service.url, cwd=folder)
    assert done.returncode == 1, done.stderr
    text = (folder / "out.prom").read_text()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    samples = {
        (sample.name, sample.labels["check"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in ("probe_success", "prober_check_state")
    }
    assert samples == {
        ("probe_success", "fine"): 1,
        ("probe_success", "broken"): 0,
        ("prober_check_state", "fine"): 0,
        ("prober_check_state", "broken"): 2,
    }
    assert list(folder.glob(".out.prom*")) == []
    pushed = {posted.path: posted for posted in service.posted if posted.method == "PUT"}
    assert set(pushed) == {f"/metrics/job/prober/check/{check}/region/eu" for check in ("fine", "broken")}
    for path, posted in pushed.items():
        families = list(text_string_to_metric_families(posted.raw.decode()))
        assert {sample.labels["check"] for family in families for sample in family.samples} == {path.split("/")[5]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--textfile", "out.txt"], "node_exporter reads files that end in .prom only"),
        (["--textfile", "nowhere/out.prom"], "its directory does not exist"),
        (["--pushgateway", "gateway:9091"], "expected a URL such as"),
    ],
)
def test_what_could_not_be_handed_over_is_said_before_anything_runs(
    folder: Path, service: Receiver, arguments: list[str], said: str
) -> None:
    done = prober("run", "fine", *arguments, cwd=folder)
    assert (done.returncode, service.posted) == (2, [])
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_textfile_that_cannot_take_its_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "out.prom"
    place.mkdir()
    with pytest.raises(UserFault, match="cannot be written"):
        write_textfile(place, exposition_of("prober", "eu", [http_result(CHECK)]))
    assert list(tmp_path.iterdir()) == [place]


def test_a_pushgateway_that_refuses_or_is_away_is_told_in_a_line(service: Receiver) -> None:
    service.always = Answer(400, b"inconsistent\nhelp")
    with pytest.raises(UserFault, match="the Pushgateway answered 400: inconsistent help"):
        push(service.url, "prober", "eu", [http_result(CHECK)])
    with pytest.raises(UserFault, match="the Pushgateway takes nothing"):
        push("http://127.0.0.1:1", "prober", "eu", [http_result(CHECK)])


def test_the_run_that_is_exported_is_the_one_the_target_was_told_of(folder: Path, service: Receiver) -> None:
    with collector() as traces, store() as samples:
        sinks = f"""
sinks:
  - {{kind: otlp, endpoint: "{traces.url}", headers: {{X-Team: "shop"}}}}
  - {{kind: remote_write, url: "{samples.url}"}}
"""
        path = folder / "probes.yaml"
        path.write_text(path.read_text() + sinks)
        done = prober("run", "fine", "--publish", cwd=folder)
        assert done.returncode == 0, done.stderr
        request = next(span for span in traces.spans if span.name == "GET")
        assert samples.named("probe_success", check="fine")[0][1] == 1
    (asked,) = service.posted
    assert asked.headers["traceparent"] == traceparent(request.trace_id.hex(), None)
    assert asked.headers["traceparent"].split("-")[2] == request.span_id.hex()
    assert attributes(request)["http.response.status_code"] == 200
    assert {posted.headers["X-Team"] for posted in traces.posted} == {"shop"}
