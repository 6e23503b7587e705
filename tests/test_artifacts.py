"""Evidence on disk: found by id alone, handed out safely, kept by age and count, copied to S3, linked in alerts."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from fakes.alerts import REGION
from fakes.alerts import check as alert_check
from fakes.results import Target, browser_result
from fakes.town import Town
from moto.server import ThreadedMotoServer
from prometheus_client import CollectorRegistry

from prober.alerting.setting import Sighting
from prober.app.artifacts import INDEX, Archive, prune, read_indexes
from prober.app.show import find
from prober.config.sections import Artifacts, Bucket
from prober.faults import UserFault
from prober.model import AlertPolicy, Artifact, Notice, NoticeKind, Reason, Result, Verdict
from prober.notify import slack, webhook
from prober.sinks.prometheus import Exposition
from prober.store import codec
from prober.web import Health, View, WebServer, create_app

PNG = b"\x89PNG\r\n\x1a\n-a-picture"
DAY_S = 86_400.0


def run_of(directory: Path, run_id: str = "run-1", **files: bytes) -> Result:
    """A result that left ``files``, named with _ for the dot, in its run's directory."""
    place = (directory / "purchase" / run_id).resolve()
    place.mkdir(parents=True)
    artifacts = []
    for name, content in files.items():
        path = place / name.replace("_", ".")
        path.write_bytes(content)
        artifacts.append(Artifact(name.partition("_")[0], str(path), id=f"{run_id}-{name}"))
    result = browser_result(Target(id="purchase"), artifacts=tuple(artifacts))
    return Result(result.check, "here", run_id, 0.0, Verdict.DOWN, Reason.STEP, "no", result.observation)


@contextmanager
def archive_of(directory: Path, spec: Artifacts | None = None, url: str | None = None) -> Iterator[Archive]:
    archive = Archive(directory, spec or Artifacts(), url)
    archive.start()
    yield archive
    archive.close(10)


def until(holds: Callable[[], object], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def test_an_artifact_is_found_by_its_id_at_once_and_after_a_restart(tmp_path: Path) -> None:
    result = run_of(tmp_path, screenshot_png=PNG, evidence_json=b"{}")
    with archive_of(tmp_path) as archive:
        archive.offer(result)
        found = archive.find("run-1-screenshot_png")
        assert found == (Path(result.observation.artifacts[0].path), "screenshot")
        assert archive.find("../../etc/passwd") is None
        assert archive.find("") is None
    with archive_of(tmp_path) as again:
        until(lambda: again.find("run-1-evidence_json"))
        Path(result.observation.artifacts[0].path).unlink()
        assert again.find("run-1-screenshot_png") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '[{"id": 1}]', '["x"]', "null"])
def test_an_index_that_cannot_be_read_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / INDEX).write_text(text)
    assert list(read_indexes(tmp_path)) == []


def test_an_index_that_points_elsewhere_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    listed = [{"id": "1", "kind": "evidence", "file": file} for file in ("../../secret", str(tmp_path / "secret"))]
    (tmp_path / "a" / "b" / INDEX).write_text(json.dumps(listed))
    assert list(read_indexes(tmp_path)) == []


def test_runs_go_by_age_and_by_count_per_check(tmp_path: Path) -> None:
    now = time.time()
    for check, ages in {"busy": (0.1, 0.2, 0.3, 9), "calm": (1, 20)}.items():
        for age in ages:
            place = tmp_path / check / f"run-{age}"
            place.mkdir(parents=True)
            (place / "x.png").write_bytes(PNG)
            os.utime(place, (now - age * DAY_S, now - age * DAY_S))
    assert prune(tmp_path, now - 14 * DAY_S, keep_runs=2) == 3
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*"))
    assert left == ["busy/run-0.1", "busy/run-0.2", "calm/run-1"]


def test_the_count_is_kept_while_runs_come_in(tmp_path: Path) -> None:
    with archive_of(tmp_path, Artifacts(keep_runs=2)) as archive:
        for number in range(4):
            archive.offer(run_of(tmp_path, f"run-{number}", screenshot_png=PNG))
            until(lambda: (tmp_path / "purchase" / f"run-{number}" / INDEX).exists())  # noqa: B023
        until(lambda: len(list((tmp_path / "purchase").iterdir())) == 2)
        assert archive.find("run-0-screenshot_png") is None
        assert archive.find("run-3-screenshot_png") is not None


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=url, region_name="eu-west-1")
    yield client, url
    client.close()
    server.stop()


def test_copies_arrive_in_s3_under_check_run_and_file(tmp_path: Path, s3: tuple[Any, str]) -> None:
    client, url = s3
    client.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    bucket = Bucket(bucket="evidence", prefix="/prober/", aws_region="eu-west-1", endpoint_url=url)
    with archive_of(tmp_path, Artifacts(s3=bucket)) as archive:
        archive.offer(run_of(tmp_path, screenshot_png=PNG, evidence_json=b'{"version": 1}'))
    assert archive.uploads == {"sent": 2, "failed": 0, "dropped": 0}
    keys = [one["Key"] for one in client.list_objects_v2(Bucket="evidence")["Contents"]]
    assert keys == ["prober/purchase/run-1/evidence.json", "prober/purchase/run-1/screenshot.png"]
    kept = client.get_object(Bucket="evidence", Key=keys[1])
    assert kept["Body"].read() == PNG
    assert (kept["ContentType"], kept["ContentDisposition"]) == ("application/octet-stream", "attachment")


def test_copies_that_fail_are_counted_and_the_next_ones_are_tried(tmp_path: Path, s3: tuple[Any, str]) -> None:
    _, url = s3
    bucket = Bucket(bucket="missing-bucket", aws_region="eu-west-1", endpoint_url=url)
    with archive_of(tmp_path, Artifacts(s3=bucket)) as archive:
        for number in range(2):
            archive.offer(run_of(tmp_path, f"run-{number}", screenshot_png=PNG))
        until(lambda: archive.uploads["failed"] == 2)
        assert archive.find("run-1-screenshot_png") is not None
    archive.offer(run_of(tmp_path, "too-late", screenshot_png=PNG))
    assert archive.uploads == {"sent": 0, "failed": 2, "dropped": 1}


def test_a_dead_s3_holds_up_nobody(tmp_path: Path, s3: tuple[Any, str]) -> None:
    bucket = Bucket(bucket="evidence", aws_region="eu-west-1", endpoint_url="http://127.0.0.1:9")
    archive = Archive(tmp_path, Artifacts(s3=bucket))
    archive.start()
    started = time.monotonic()
    for number in range(300):
        archive.offer(run_of(tmp_path, f"run-{number}", screenshot_png=PNG))
    assert time.monotonic() - started < 5
    archive.close(0.2)
    until(lambda: "artifacts" not in {thread.name for thread in threading.enumerate()})
    counts = archive.uploads
    assert counts["sent"] == 0
    assert counts["dropped"] >= 98
    assert sum(counts.values()) == 300


@pytest.fixture
def web(tmp_path: Path) -> Iterator[httpx.Client]:
    html = b"<script>alert(1)</script>"
    result = run_of(tmp_path, screenshot_png=PNG, page_html=html, trace_zip=b"PK\x03\x04" + b"x" * 200_000)
    archive = Archive(tmp_path, Artifacts())
    archive.offer(result)
    healthy = lambda: Health(True)  # noqa: E731
    exposition, registry = Exposition("prober", "here"), CollectorRegistry()
    view = View("here", exposition, registry, list, healthy, healthy, artifact=archive.find)
    server = WebServer(create_app(view), "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}/artifacts/") as client:
        yield client
    server.stop(5)


def test_a_picture_is_shown_and_all_else_is_a_download(web: httpx.Client) -> None:
    shown = web.get("run-1-screenshot_png")
    assert (shown.status_code, shown.content) == (200, PNG)
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["content-disposition"] == 'inline; filename="screenshot.png"'
    for name, size in (("page_html", 25), ("trace_zip", 200_004)):
        kept = web.get(f"run-1-{name}")
        assert kept.headers["content-type"] == "application/octet-stream"
        assert kept.headers["content-disposition"].startswith("attachment; filename=")
        assert len(kept.content) == size
    for answer in (shown, kept):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert web.head("run-1-screenshot_png").headers["content-length"] == str(len(PNG))


@pytest.mark.parametrize("path", ["nothing", "..%2F..%2Fetc%2Fpasswd", "purchase/run-1/screenshot.png", "%00", ""])
def test_a_path_is_no_id(web: httpx.Client, path: str) -> None:
    assert web.get(path).status_code == 404


def test_an_alert_links_to_the_evidence_where_the_web_side_has_an_address(tmp_path: Path) -> None:
    result = run_of(tmp_path, screenshot_png=PNG)
    with archive_of(tmp_path, url="https://status.example/") as archive:
        linked = archive.linked(result)
    purchase = linked.check.model_copy(update={"alert": AlertPolicy(down_after=1)})
    town = Town({purchase.id: purchase})
    town.take(replace(linked, check=purchase, region=REGION))
    notice = town.last()
    url = "https://status.example/artifacts/run-1-screenshot_png"
    assert notice.evidence == (("screenshot", url),)
    assert f"<{url}|Screenshot>" in json.dumps(slack.message(notice))
    assert webhook.payload(notice)["evidence"] == [{"kind": "screenshot", "url": url}]
    assert codec.notice(codec.notice_json(notice)) == notice


def test_an_alert_has_no_link_where_nobody_could_follow_it(tmp_path: Path) -> None:
    assert Sighting.of(run_of(tmp_path, screenshot_png=PNG)).evidence == ()


def test_a_notice_stored_before_there_was_evidence_is_still_read() -> None:
    check = alert_check()
    old = Notice("1", NoticeKind.TRIGGER, "i", check.id, "t", "here", "x", "critical", "step", "m", 1.0, 2.0)
    stored = json.loads(codec.notice_json(old))
    del stored["evidence"]
    assert codec.notice(json.dumps(stored)) == old


def test_show_finds_by_artifact_by_run_and_by_file_and_says_what_it_does_not_find(tmp_path: Path) -> None:
    result = run_of(tmp_path, screenshot_png=PNG, evidence_json=b"{}")
    with archive_of(tmp_path) as archive:
        archive.offer(result)
    assert [file.kind for file in find(tmp_path, "run-1")] == ["screenshot", "evidence"]
    assert [file.kind for file in find(tmp_path, "run-1-evidence_json")] == ["evidence"]
    assert [file.kind for file in find(tmp_path, str(tmp_path / "purchase" / "run-1" / "screenshot.png"))] == ["file"]
    with pytest.raises(UserFault, match="nope: no such artifact or run"):
        find(tmp_path, "nope")
    Path(result.observation.artifacts[1].path).unlink()
    with pytest.raises(UserFault, match="no longer there"):
        find(tmp_path, "run-1-evidence_json")
