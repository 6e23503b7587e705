"""The CloudWatch sink against moto over HTTP, and against a fake that is stricter than moto."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from fakes.aws import BROKEN, THROTTLED, Answer, FakeCloudWatch, fake_cloudwatch
from fakes.results import Target, browser_result, http_result, result
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from pydantic import ValidationError

from prober.clock import MovedClock, SystemClock
from prober.log import FIELDS
from prober.model import Measure, Reason, Step, Verdict
from prober.sinks.cloudwatch import Spec, open_sink
from prober.sinks.cloudwatch.data import data_of, flaw, size_bytes
from prober.sinks.cloudwatch.feed import Backoff, Feed

CHECK = Target(id="storefront")
QUICK = Backoff(base_s=0.01, cap_s=0.02, give_up_s=5.0)
GRACE_S = 20.0


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.fixture
def aws() -> Iterator[FakeCloudWatch]:
    with fake_cloudwatch() as fake:
        yield fake


def spec(url: str, **more: Any) -> Spec:
    settings = {"kind": "cloudwatch", "aws_region": "eu-west-1", "endpoint_url": url, "flush_interval": "50ms"}
    return Spec.model_validate({**settings, **more})


def running(url: str, backoff: Backoff = QUICK, **more: Any) -> Feed:
    feed = Feed(spec(url, **more), SystemClock(), backoff)
    feed.start()
    return feed


def now_result(**changed: Any) -> Any:
    return http_result(CHECK, **{"at": time.time(), **changed})


def names(data: list[dict[str, Any]]) -> list[str]:
    return [datum["MetricName"] for datum in data]


NONE_DROPPED = {"full": 0, "rejected": 0, "failed": 0}


def test_a_result_arrives_at_moto_with_its_dimensions_unit_and_time() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        sink = open_sink(spec(url))
        sink.offer(now_result())
        sink.close(GRACE_S)
        client = boto3.client("cloudwatch", region_name="eu-west-1", endpoint_url=url)
        listed = client.list_metrics(Namespace="EventChain/Synthetics")["Metrics"]
        client.close()
    finally:
        server.stop()
    assert {metric["MetricName"] for metric in listed} == {"Success", "Duration"}
    dimensions = [{"Name": "Check", "Value": "storefront"}, {"Name": "Region", "Value": "eu-west-1"}]
    assert all(metric["Dimensions"] == dimensions for metric in listed)
    assert (sink.queued, dict(sink.dropped)) == (0, NONE_DROPPED)


def test_success_and_duration_are_what_a_result_makes_by_default(aws: FakeCloudWatch) -> None:
    feed = running(aws.url)
    at = time.time() - 60
    feed.offer(now_result(at=at))
    feed.offer(now_result(at=at, verdict=Verdict.DEGRADED, reason=Reason.LATENCY))
    feed.offer(now_result(at=at, verdict=Verdict.DOWN, reason=Reason.STATUS))
    feed.close(GRACE_S)
    assert [(d["MetricName"], d["Value"], d["Unit"]) for d in aws.taken] == [
        ("Success", 1.0, "Count"),
        ("Duration", 0.25, "Seconds"),
        ("Success", 1.0, "Count"),
        ("Duration", 0.25, "Seconds"),
        ("Success", 0.0, "Count"),
        ("Duration", 0.25, "Seconds"),
    ]
    assert all(abs(d["Timestamp"] - at) < 0.001 for d in aws.taken)


def test_an_unknown_result_sends_nothing_since_it_would_look_like_downtime() -> None:
    unknown = http_result(CHECK, verdict=Verdict.UNKNOWN, reason=Reason.NO_BROWSER)
    assert list(data_of(unknown, spec("http://127.0.0.1:1"))) == []


def test_phases_vitals_steps_and_measures_are_sent_when_asked_for() -> None:
    everything = spec("http://127.0.0.1:1", metrics=["phases", "vitals", "steps", "measures"])
    http = list(data_of(http_result(CHECK), everything))
    assert [d["Dimensions"][-1]["Value"] for d in http] == ["resolve", "connect", "tls", "processing", "transfer"]
    browser = list(data_of(browser_result(Target(id="buy", kind="browser")), everything))
    told = {(d["MetricName"], d["Dimensions"][-1]["Value"], d["Value"], d["Unit"]) for d in browser}
    assert {
        ("LCP", "Browse events", 0.9, "Seconds"),
        ("CLS", "Browse events", 0.2, "None"),
        ("StepDuration", 'Pay "now"', 0.75, "Seconds"),
        ("Measure.order_total", "aurora", 98.0, "None"),
    } <= told
    assert not any(d["Value"] is None for d in browser)


def test_a_measures_label_never_replaces_the_checks_own_dimension() -> None:
    measured = browser_result(CHECK, measures=(Measure("seats", 2, "", {"Check": "another", "tier": "vip"}),))
    (datum,) = data_of(measured, spec("http://127.0.0.1:1", metrics=["measures"]))
    assert {d["Name"]: d["Value"] for d in datum["Dimensions"]} == {
        "Check": "storefront",
        "Region": "eu-west-1",
        "tier": "vip",
    }


@pytest.mark.parametrize(
    "bad",
    [
        {"duration_s": math.nan},
        {"duration_s": math.inf},
        {"duration_s": 10**400},
        {"steps": (Step("Sitzplätze", Verdict.UP, 1.0),)},
        {"steps": (Step(" ", Verdict.UP, 1.0),)},
        {"steps": (Step("", Verdict.UP, 1.0),)},
        {"steps": (Step("line\nbreak", Verdict.UP, 1.0),)},
        {"steps": (Step("s" * 1025, Verdict.UP, 1.0),)},
        {"measures": (Measure("m" * 300, 1.0),)},
        {"measures": (Measure("many", 1.0, "", {f"label{n}": "x" for n in range(31)}),)},
        {"measures": (Measure("colon", 1.0, "", {":name": "x"}),)},
        {"measures": (Measure("text", "12"),)},  # type: ignore[arg-type]  # what a worker's JSON may hold
    ],
    ids=lambda bad: str(bad)[:40],
)
def test_a_bad_datum_is_dropped_alone_and_counted(aws: FakeCloudWatch, bad: dict[str, Any]) -> None:
    feed = running(aws.url, metrics=["success", "duration", "steps", "measures"])
    feed.offer(result(CHECK, at=time.time(), **bad))
    feed.offer(now_result())
    feed.close(GRACE_S)
    assert names(aws.taken).count("Success") == 2
    assert dict(feed.dropped) == {**NONE_DROPPED, "rejected": 1}


@pytest.mark.parametrize("age_s", [15 * 86_400.0, -3 * 3_600.0], ids=["two weeks old", "hours ahead"])
def test_a_time_that_cloudwatch_refuses_is_rejected(age_s: float) -> None:
    feed = Feed(spec("http://127.0.0.1:1"), MovedClock(wall=1_700_000_000.0))
    feed.offer(http_result(CHECK, at=1_700_000_000.0 - age_s))
    assert (feed.queued, feed.dropped["rejected"]) == (0, 2)


@given(st.text(max_size=300), st.text(max_size=40), st.floats() | st.integers())
def test_what_passes_for_good_keeps_to_every_limit(name: str, label: str, value: float) -> None:
    measured = result(CHECK, measures=(Measure(name, value, "", {label: label}),))
    (datum,) = data_of(measured, spec("http://127.0.0.1:1", metrics=["measures"]))
    if flaw(datum, measured.started_at) is None:
        # What the fake of the service demands, which is written down apart from the sink.
        assert not FakeCloudWatch()._breaks({**datum, "Timestamp": time.time()})


def test_the_size_of_a_datum_is_never_underestimated(aws: FakeCloudWatch) -> None:
    feed = running(aws.url, metrics=["steps"])
    awkward = '"\\' * 500
    feed.offer(result(CHECK, at=time.time(), steps=(Step(awkward, Verdict.UP, 1 / 3),)))
    feed.close(GRACE_S)
    (request,) = aws.requests
    (datum,) = aws.taken
    assert datum["Dimensions"][-1]["Value"] == awkward
    assert size_bytes(datum) >= request["wire_bytes"] - 100


def test_a_thousand_data_go_in_one_zipped_request(aws: FakeCloudWatch) -> None:
    feed = running(aws.url, flush_interval="5m")
    for _ in range(1250):
        feed.offer(now_result())
    aws.wait_for_requests(2)  # full batches do not wait for the flush interval
    feed.close(GRACE_S)
    assert [(r["data"], r["zipped"]) for r in aws.requests] == [(1000, True), (1000, True), (500, True)]
    assert all(r["wire_bytes"] < 60_000 for r in aws.requests)
    assert len(aws.taken) == 2500


def test_large_data_make_batches_that_stay_below_a_megabyte(aws: FakeCloudWatch) -> None:
    feed = running(aws.url, flush_interval="5m", metrics=["measures"])
    labels = {f"label{n}": f"{n}" * 500 for n in range(5)}
    for _ in range(1000):
        feed.offer(result(CHECK, at=time.time(), measures=(Measure("m", 1.0, "", labels),)))
    feed.close(GRACE_S)
    assert len(aws.taken) == 1000
    assert max(r["data"] for r in aws.requests) < 350


@pytest.mark.parametrize(
    "answer",
    [THROTTLED, BROKEN, (503, "ServiceUnavailable", b""), (403, "AccessDeniedException", b""), (502, "", b"[]")],
    ids=["throttled", "500", "503", "access denied", "a proxy's JSON"],
)
def test_what_may_pass_is_tried_again_and_arrives(aws: FakeCloudWatch, answer: Answer) -> None:
    aws.answers.extend([answer] * 3)
    feed = running(aws.url)
    feed.offer(now_result())
    aws.wait_for_requests(4)
    feed.close(GRACE_S)
    assert names(aws.taken) == ["Success", "Duration"]
    assert dict(feed.dropped) == NONE_DROPPED


def test_a_datum_the_service_refuses_is_found_and_the_others_arrive(aws: FakeCloudWatch) -> None:
    aws.refuses = lambda datum: datum["Value"] == 0.125
    feed = running(aws.url, flush_interval="5m")
    for number in range(400):
        feed.offer(now_result(duration_s=0.125 if number == 123 else 0.5))
    feed.close(GRACE_S)
    assert len(aws.taken) == 799
    assert dict(feed.dropped) == {**NONE_DROPPED, "failed": 1}
    assert len(aws.requests) < 30


def test_a_batch_refused_whole_costs_a_bounded_number_of_requests(aws: FakeCloudWatch) -> None:
    aws.refuses = lambda _: True
    feed = running(aws.url, flush_interval="5m")
    for _ in range(500):
        feed.offer(now_result())
    feed.close(GRACE_S)
    assert (len(aws.taken), dict(feed.dropped)) == (0, {**NONE_DROPPED, "failed": 1000})
    assert len(aws.requests) < 100


def test_a_dead_endpoint_is_given_up_on_in_time_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with caplog.at_level("INFO", "prober"):
        feed = running(f"http://127.0.0.1:{port}", Backoff(0.01, 0.02, give_up_s=0.2))
        feed.offer(now_result())
        feed.close(GRACE_S)
    assert dict(feed.dropped) == {**NONE_DROPPED, "failed": 2}
    assert [record.message for record in caplog.records] == ["cloudwatch does not take data"]
    assert "EndpointConnectionError" in vars(caplog.records[0])[FIELDS]["problem"]


def test_offering_never_waits_for_an_endpoint_that_does_not_answer(aws: FakeCloudWatch) -> None:
    aws.open.clear()
    feed = running(aws.url, queue_limit=100)
    feed.offer(now_result())
    aws.wait_for_requests(1)
    started = time.perf_counter()
    for _ in range(1000):
        feed.offer(now_result())
    assert time.perf_counter() - started < 1.0
    assert feed.queued == 102  # the batch on its way, and as many as may wait
    assert feed.dropped["full"] == 1900
    aws.open.set()
    feed.close(GRACE_S)
    assert len(aws.taken) == 102


def test_closing_ends_within_its_grace_and_counts_what_was_left(aws: FakeCloudWatch) -> None:
    aws.open.clear()
    feed = running(aws.url)
    feed.offer(now_result())
    aws.wait_for_requests(1)
    feed.offer(now_result())
    started = time.perf_counter()
    feed.close(0.2)
    assert time.perf_counter() - started < 1.0
    assert (feed.queued, feed.dropped["failed"]) == (0, 4)
    feed.offer(now_result())
    assert (feed.queued, feed.dropped["full"]) == (0, 2)
    feed.close(0.2)
    assert feed.dropped["failed"] == 4


def test_closing_cuts_a_long_backoff_short(aws: FakeCloudWatch) -> None:
    aws.answers.append(BROKEN)
    feed = running(aws.url, Backoff(base_s=1000.0, cap_s=1000.0, give_up_s=10_000.0))
    feed.offer(now_result())
    aws.wait_for_requests(1)
    started = time.perf_counter()
    feed.close(GRACE_S)
    assert time.perf_counter() - started < 5.0
    assert names(aws.taken) == ["Success", "Duration"]


def test_missing_credentials_neither_block_nor_raise_and_later_ones_are_taken(
    aws: FakeCloudWatch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with caplog.at_level("INFO", "prober"):
        feed = running(aws.url, Backoff(0.01, 0.02, give_up_s=0.1))
        feed.offer(now_result())
        while not feed.dropped["failed"]:
            time.sleep(0.01)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "late")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "late")
        feed.offer(now_result())
        feed.close(GRACE_S)
    assert len(aws.taken) == 2
    assert dict(feed.dropped) == {**NONE_DROPPED, "failed": 2}
    assert [record.message for record in caplog.records] == [
        "cloudwatch does not take data",
        "cloudwatch takes data again",
    ]
    assert "NoCredentialsError" in vars(caplog.records[0])[FIELDS]["problem"]


def test_a_profile_that_is_not_there_is_a_failure_and_not_the_end(aws: FakeCloudWatch) -> None:
    feed = running(aws.url, Backoff(0.01, 0.02, give_up_s=0.05), profile="nobody")
    feed.offer(now_result())
    feed.close(GRACE_S)
    assert dict(feed.dropped) == {**NONE_DROPPED, "failed": 2}


def test_closing_without_ever_a_result_sends_nothing(aws: FakeCloudWatch) -> None:
    feed = running(aws.url)
    feed.close(GRACE_S)
    assert aws.requests == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"namespace": "AWS/EC2"},
        {"namespace": ":colon"},
        {"namespace": ""},
        {"namespace": "Zürich"},
        {"aws_region": "nowhere"},
        {"endpoint_url": "ftp://127.0.0.1"},
        {"endpoint_url": "http://user:pass@127.0.0.1"},
        {"metrics": []},
        {"metrics": ["success", "success"]},
        {"metrics": ["everything"]},
        {"dimensions": []},
        {"dimensions": ["Url"]},
        {"queue_limit": 0},
        {"flush_interval": "0s"},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(wrong.pop("endpoint_url", "http://127.0.0.1:1"), **wrong)
