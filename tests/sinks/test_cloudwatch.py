"""The CloudWatch sink against moto over HTTP, and against a fake that is stricter than moto."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from fakes.aws import BROKEN, THROTTLED, Answer, FakeAws, fake_aws, use_keys
from fakes.aws_rules import flaw_of_datum
from fakes.results import Target, browser_result, http_result, result
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from pydantic import ValidationError

from prober.clock import MovedClock, SystemClock
from prober.log import FIELDS
from prober.model import Measure, Reason, Step, Verdict
from prober.sinks.cloudwatch import Spec, feed_of, open_sink
from prober.sinks.cloudwatch.data import data_of, flaw, safe, unit_of
from prober.sinks.cloudwatch.feed import Backoff, Feed
from prober.sinks.cloudwatch.gather import Gathering, Tally

CHECK = Target(id="storefront")
QUICK = Backoff(base_s=0.01, cap_s=0.02, give_up_s=5.0)
GRACE_S = 20.0


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch)


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with fake_aws() as fake:
        yield fake


def spec(url: str, **more: Any) -> Spec:
    settings = {"kind": "cloudwatch", "aws_region": "eu-west-1", "endpoint_url": url, "flush_interval": "50ms"}
    return Spec.model_validate({**settings, **more})


def running(url: str, backoff: Backoff = QUICK, **more: Any) -> Feed[Tally]:
    feed = feed_of(spec(url, **more), SystemClock(), backoff)
    feed.start()
    return feed


def now_result(**changed: Any) -> Any:
    return http_result(CHECK, **{"at": time.time(), **changed})


def names(data: list[dict[str, Any]]) -> list[str]:
    return [datum["MetricName"] for datum in data]


NONE_DROPPED = {"full": 0, "rejected": 0, "failed": 0}


@pytest.fixture
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def test_a_result_arrives_at_moto_with_its_dimensions_unit_and_time(moto: str) -> None:
    sink = open_sink(spec(moto))
    sink.offer(now_result())
    sink.close(GRACE_S)
    client = boto3.client("cloudwatch", region_name="eu-west-1", endpoint_url=moto)
    listed = client.list_metrics(Namespace="EventChain/Synthetics")["Metrics"]
    client.close()
    assert {metric["MetricName"] for metric in listed} == {"Success", "Duration"}
    dimensions = [{"Name": "Check", "Value": "storefront"}, {"Name": "Region", "Value": "eu-west-1"}]
    assert all(metric["Dimensions"] == dimensions for metric in listed)
    assert (sink.queued, dict(sink.dropped)) == (0, NONE_DROPPED)


@pytest.mark.parametrize("statistics", ["each", "values", "sets"])
def test_moto_computes_the_same_statistics_however_they_are_sent(moto: str, statistics: str) -> None:
    namespace = f"EventChain/{statistics}"  # moto keeps one memory for all the servers of a process
    feed = running(moto, statistics=statistics, metrics=["duration"], namespace=namespace)
    a_minute(feed, [0.25, 0.5, 0.25, 1.0])
    feed.close(GRACE_S)
    client = boto3.client("cloudwatch", region_name="eu-west-1", endpoint_url=moto)
    now = time.time()
    (point,) = client.get_metric_statistics(
        Namespace=namespace,
        MetricName="Duration",
        Dimensions=[{"Name": "Check", "Value": "storefront"}, {"Name": "Region", "Value": "eu-west-1"}],
        StartTime=datetime.fromtimestamp(now // 60 * 60 - 60, UTC),
        EndTime=datetime.fromtimestamp(now, UTC),
        Period=60,
        Statistics=["SampleCount", "Sum", "Minimum", "Maximum", "Average"],
    )["Datapoints"]
    client.close()
    assert [point[name] for name in ("SampleCount", "Sum", "Minimum", "Maximum", "Average")] == [4, 2, 0.25, 1, 0.5]


def test_success_and_duration_are_what_a_result_makes_by_default(aws: FakeAws) -> None:
    feed = running(aws.url)
    at = time.time() - 60
    feed.offer(now_result(at=at))
    feed.offer(now_result(at=at + 1, verdict=Verdict.DEGRADED, reason=Reason.LATENCY))
    feed.offer(now_result(at=at + 2, verdict=Verdict.DOWN, reason=Reason.STATUS))
    feed.close(GRACE_S)
    assert [(d["MetricName"], d["Value"], d["Unit"]) for d in aws.taken] == [
        ("Success", 1.0, "Count"),
        ("Duration", 0.25, "Seconds"),
        ("Success", 1.0, "Count"),
        ("Duration", 0.25, "Seconds"),
        ("Success", 0.0, "Count"),
        ("Duration", 0.25, "Seconds"),
    ]
    assert [round(d["Timestamp"] - at, 3) for d in aws.taken] == [0, 0, 1, 1, 2, 2]


def test_an_unknown_result_sends_nothing_since_it_would_look_like_downtime() -> None:
    unknown = http_result(CHECK, verdict=Verdict.UNKNOWN, reason=Reason.NO_BROWSER)
    assert list(data_of(unknown, spec("http://127.0.0.1:1"))) == []


def test_phases_vitals_steps_and_measures_are_sent_when_asked_for() -> None:
    everything = spec("http://127.0.0.1:1", metrics=["phases", "vitals", "steps", "measures"])
    http = list(data_of(http_result(CHECK), everything))
    assert [d.dimensions[-1] for d in http] == [
        ("Phase", phase) for phase in ("resolve", "connect", "tls", "processing", "transfer")
    ]
    browser = list(data_of(browser_result(Target(id="buy", kind="browser")), everything))
    told = {(d.name, d.dimensions[-1][1], d.value, d.unit) for d in browser}
    assert {
        ("LCP", "Browse events", 0.9, "Seconds"),
        ("CLS", "Browse events", 0.2, "None"),
        ("StepDuration", 'Pay "now"', 0.75, "Seconds"),
        ("Measure.order_total", "aurora", 98.0, "None"),
    } <= told
    assert not any(d.value is None for d in browser)


def test_a_measures_label_never_replaces_the_checks_own_dimension() -> None:
    measured = browser_result(CHECK, measures=(Measure("seats", 2, "", {"Check": "another", "tier": "vip"}),))
    (datum,) = data_of(measured, spec("http://127.0.0.1:1", metrics=["measures"]))
    assert dict(datum.dimensions) == {
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
        {"measures": (Measure("many", 1.0, "", {f"label{n}": "x" for n in range(31)}),)},
        {"measures": (Measure("text", "12"),)},  # type: ignore[arg-type]  # what a worker's JSON may hold
    ],
    ids=lambda bad: str(bad)[:40],
)
def test_a_bad_datum_is_dropped_alone_and_counted(aws: FakeAws, bad: dict[str, Any]) -> None:
    feed = running(aws.url, metrics=["success", "duration", "steps", "measures"])
    feed.offer(result(CHECK, at=time.time(), **bad))
    feed.offer(now_result())
    feed.close(GRACE_S)
    assert names(aws.taken).count("Success") == 2
    assert dict(feed.dropped) == {**NONE_DROPPED, "rejected": 1}


@pytest.mark.parametrize("age_s", [15 * 86_400.0, -3 * 3_600.0], ids=["two weeks old", "hours ahead"])
def test_a_time_that_cloudwatch_refuses_is_rejected(age_s: float) -> None:
    feed = feed_of(spec("http://127.0.0.1:1"), MovedClock(wall=1_700_000_000.0), QUICK)
    feed.offer(http_result(CHECK, at=1_700_000_000.0 - age_s))
    assert (feed.queued, feed.dropped["rejected"]) == (0, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Sitzplätze wählen", "Sitzplatze wahlen"),
        ("票を買う", "\\u7968\\u3092\\u8cb7\\u3046"),
        ("straße", "stra\\xdfe"),
        ("line\nbreak\tand tab", "line break and tab"),
        ("bell\x07", "bell?"),
        ("", "(none)"),
        (" \n", "(none)"),
        ("s" * 2000, "s" * 1024),
        ("https://shop.example/a?b=c", "https://shop.example/a?b=c"),
    ],
    ids=lambda text: repr(text)[:20],
)
def test_a_dimension_is_made_ascii_and_nothing_of_it_blank(aws: FakeAws, text: str, told: str) -> None:
    assert safe(text) == told
    feed = running(aws.url, metrics=["steps"])
    feed.offer(result(CHECK, at=time.time(), steps=(Step(text, Verdict.UP, 1.0),)))
    feed.close(GRACE_S)
    assert aws.taken[0]["Dimensions"][-1] == {"Name": "Step", "Value": told}
    assert (dict(feed.dropped), aws.flaws) == (NONE_DROPPED, [])


def test_names_of_measures_and_their_labels_are_mended_too(aws: FakeAws) -> None:
    feed = running(aws.url, metrics=["measures"])
    odd = Measure("Einnahmen für " + "m" * 300, 1.0, "EUR", {":größe": ""})
    feed.offer(result(CHECK, at=time.time(), measures=(odd,)))
    feed.close(GRACE_S)
    (datum,) = aws.taken
    assert datum["MetricName"].startswith("Measure.Einnahmen fur mmm")
    assert len(datum["MetricName"]) == 255
    assert datum["Dimensions"][-1] == {"Name": "gro\\xdfe", "Value": "(none)"}


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("s", "Seconds"),
        ("ms", "Milliseconds"),
        ("%", "Percent"),
        ("kB", "Kilobytes"),
        ("Bytes/Second", "Bytes/Second"),
        ("count", "Count"),
        ("gigabits/second", "Gigabits/Second"),
        ("EUR", "None"),
        ("", "None"),
    ],
)
def test_a_measures_unit_is_one_that_cloudwatch_knows(written: str, unit: str) -> None:
    assert unit_of(written) == unit


@given(st.text(max_size=300), st.text(max_size=40), st.text(max_size=40), st.floats() | st.integers())
def test_what_passes_for_good_keeps_to_every_limit(name: str, label: str, text: str, value: float) -> None:
    now = time.time()
    measured = result(CHECK, at=now, measures=(Measure(name, value, "", {label: text}),))
    gathered = Gathering(spec("http://127.0.0.1:1", metrics=["measures"]), SystemClock())
    gathered.add(measured)
    (datum,) = data_of(measured, spec("http://127.0.0.1:1", metrics=["measures"]))
    batch = gathered.take(everything=True)
    assert len(batch) == (0 if flaw(datum, now) else 1)
    for tally in batch:
        # What the fake of the service demands, which is written down apart from the sink.
        assert flaw_of_datum({**tally.wire(), "Timestamp": now}) is None


@pytest.mark.parametrize("statistics", ["each", "values", "sets"])
def test_the_size_of_a_datum_is_never_underestimated(aws: FakeAws, statistics: str) -> None:
    settings = spec(aws.url, metrics=["steps"], statistics=statistics)
    feed, gathered = feed_of(settings, SystemClock(), QUICK), Gathering(settings, SystemClock())
    awkward, at = '"\\' * 500, time.time()
    for number in range(100):
        odd = result(CHECK, at=at, steps=(Step(awkward, Verdict.UP, (number + 1) / 3e-5),))
        feed.offer(odd)
        gathered.add(odd)
    feed.start()
    feed.close(GRACE_S)
    (request,) = aws.requests
    (datum,), (tally,) = aws.taken, gathered.take(everything=True)
    assert datum["Dimensions"][-1]["Value"] == awkward
    assert tally.weight == 100
    assert tally.size >= request["plain_bytes"] - 100


def test_a_thousand_data_go_in_one_zipped_request(aws: FakeAws) -> None:
    feed = running(aws.url, flush_interval="5m")
    for _ in range(1250):
        feed.offer(now_result())
    aws.wait_for_requests(2)  # full batches do not wait for the flush interval
    feed.close(GRACE_S)
    assert [(r["data"], r["zipped"]) for r in aws.requests] == [(1000, True), (1000, True), (500, True)]
    assert all(r["wire_bytes"] < 60_000 < r["plain_bytes"] for r in aws.requests)
    assert len(aws.taken) == 2500


def test_large_data_make_batches_that_stay_below_a_megabyte(aws: FakeAws) -> None:
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
def test_what_may_pass_is_tried_again_and_arrives(aws: FakeAws, answer: Answer) -> None:
    aws.answers.extend([answer] * 3)
    feed = running(aws.url)
    feed.offer(now_result())
    aws.wait_for_requests(4)
    feed.close(GRACE_S)
    assert names(aws.taken) == ["Success", "Duration"]
    assert dict(feed.dropped) == NONE_DROPPED


def test_a_datum_the_service_refuses_is_found_and_the_others_arrive(aws: FakeAws) -> None:
    aws.refuses = lambda datum: datum.get("Value") == 0.125
    feed = running(aws.url, flush_interval="5m")
    for number in range(400):
        feed.offer(now_result(duration_s=0.125 if number == 123 else 0.5))
    feed.close(GRACE_S)
    assert len(aws.taken) == 799
    assert dict(feed.dropped) == {**NONE_DROPPED, "failed": 1}
    assert len(aws.requests) < 30


def test_a_batch_refused_whole_costs_a_bounded_number_of_requests(aws: FakeAws) -> None:
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
    assert [record.message for record in caplog.records] == ["a sink's data are not taken"]
    assert "EndpointConnectionError" in vars(caplog.records[0])[FIELDS]["problem"]


def test_offering_never_waits_for_an_endpoint_that_does_not_answer(aws: FakeAws) -> None:
    aws.open.clear()
    feed = running(aws.url, queue_limit=100)
    feed.offer(now_result())
    aws.wait_for_requests(1)
    started = time.perf_counter()
    for number in range(1000):
        feed.offer(http_result(Target(id=f"check-{number}"), at=time.time()))
    assert time.perf_counter() - started < 1.0
    assert feed.queued == 102  # the batch on its way, and as many as may wait
    assert feed.dropped["full"] == 1900
    aws.open.set()
    feed.close(GRACE_S)
    assert len(aws.taken) == 102


def test_an_hour_of_downtime_makes_data_coarser_and_loses_none(aws: FakeAws, caplog: pytest.LogCaptureFixture) -> None:
    clock = MovedClock(wall=time.time() // 3_600 * 3_600 - 3_600)
    feed = feed_of(spec(aws.url, queue_limit=1200), clock, QUICK)
    checks = [Target(id=f"check-{number}") for number in range(50)]
    with caplog.at_level("INFO", "prober"):
        for turn in range(120):
            for check in checks:
                down = turn == 60 and check is checks[7]
                feed.offer(http_result(check, at=clock.wall(), **({"verdict": Verdict.DOWN} if down else {})))
            clock.advance(30)
        assert (feed.queued, dict(feed.dropped)) == (12_000, NONE_DROPPED)
        feed.start()
        feed.close(GRACE_S)
    sets = [datum["StatisticValues"] for datum in aws.taken if "StatisticValues" in datum]
    single = [datum for datum in aws.taken if "Value" in datum]
    assert len(aws.taken) <= 1200
    assert len(single) + sum(known["SampleCount"] for known in sets) == 12_000
    success = [d for d in aws.taken if d["MetricName"] == "Success" and "StatisticValues" in d]
    assert [d["Dimensions"][0]["Value"] for d in success if d["StatisticValues"]["Minimum"] == 0.0] == ["check-7"]
    assert [record.message for record in caplog.records] == [
        "a sink is half full and takes less from now on",
        "a sink has room again and takes everything",
    ]


def a_minute(feed: Feed[Tally], durations: list[float]) -> None:
    at = time.time() // 60 * 60 - 60
    for number, duration_s in enumerate(durations):
        feed.offer(http_result(CHECK, at=at + number / 10, duration_s=duration_s))


def test_the_values_of_a_minute_go_with_their_counts(aws: FakeAws) -> None:
    feed = running(aws.url, statistics="values", flush_interval="5m")
    a_minute(feed, [0.25, 0.5, 0.25, 1.0])
    feed.close(GRACE_S)
    duration = next(d for d in aws.taken if d["MetricName"] == "Duration")
    assert (duration["Values"], duration["Counts"]) == ([0.25, 0.5, 1.0], [2.0, 1.0, 1.0])
    assert duration["Timestamp"] % 60 == 0
    assert [(d["MetricName"], d["StorageResolution"]) for d in aws.taken] == [("Success", 60), ("Duration", 60)]


def test_more_than_150_different_values_take_another_datum(aws: FakeAws) -> None:
    feed = running(aws.url, statistics="values", metrics=["duration"], flush_interval="5m")
    a_minute(feed, [number / 7 for number in range(400)])
    feed.close(GRACE_S)
    assert [len(datum["Values"]) for datum in aws.taken] == [150, 150, 100]


def test_a_statistic_set_says_count_sum_minimum_and_maximum(aws: FakeAws) -> None:
    feed = running(aws.url, statistics="sets", metrics=["duration"], flush_interval="5m")
    a_minute(feed, [0.25, 0.5, 1.0])
    feed.close(GRACE_S)
    (datum,) = aws.taken
    assert datum["StatisticValues"] == {"SampleCount": 3, "Sum": 1.75, "Minimum": 0.25, "Maximum": 1.0}


def test_a_minute_is_sent_when_it_is_over(aws: FakeAws) -> None:
    clock = MovedClock(wall=time.time() // 60 * 60 + 59.9)
    feed = feed_of(spec(aws.url, statistics="values"), clock, QUICK)
    feed.start()
    feed.offer(http_result(CHECK, at=clock.wall()))
    feed.offer(http_result(CHECK, at=clock.wall() - 60))  # a long run's, whose minute is over already
    aws.wait_for_requests(1)
    while feed.queued:
        time.sleep(0.01)
    sent = len(aws.taken)
    feed.close(GRACE_S)
    assert (sent, dict(feed.dropped)) == (4, NONE_DROPPED)


def test_a_clock_that_was_set_back_holds_nothing_longer_than_a_period() -> None:
    gathered = Gathering(spec("http://127.0.0.1:1", statistics="values"), MovedClock(wall=time.time() - 3_600))
    gathered.add(now_result())
    (first, _) = gathered.take(everything=True)
    assert first.due <= time.monotonic() + 60


@pytest.mark.parametrize("statistics", ["values", "sets"])
def test_a_request_repeated_since_its_answer_was_lost_changes_no_average(aws: FakeAws, statistics: str) -> None:
    aws.loses_answers = 1
    feed = running(aws.url, statistics=statistics, metrics=["duration"], flush_interval="5m")
    a_minute(feed, [0.25, 0.5, 1.0])
    feed.close(GRACE_S)
    first, second = aws.taken
    assert first == second  # the whole minute of the metric twice: only its count and sum are wrong
    assert dict(feed.dropped) == NONE_DROPPED


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
def test_either_protocol_of_the_service_will_do(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    # Which one boto3 takes is its own choice, JSON 1.0 as of 1.44, though the service's model names CBOR first.
    monkeypatch.setattr("botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", (protocol, "rest-xml", "query"))
    aws.answers.append(THROTTLED)
    aws.refuses = lambda datum: datum.get("Value") == 0.125
    feed = running(aws.url, metrics=["duration"], flush_interval="5m")
    for duration_s in (0.5, 0.125, 0.75):
        feed.offer(now_result(duration_s=duration_s))
    feed.close(GRACE_S)
    content = "application/x-amz-json-1.0" if protocol == "json" else "application/cbor"
    assert {request["content"] for request in aws.requests} == {content}
    assert [datum["Value"] for datum in aws.taken] == [0.5, 0.75]
    assert dict(feed.dropped) == {**NONE_DROPPED, "failed": 1}


def test_high_resolution_is_by_the_second(aws: FakeAws) -> None:
    feed = running(aws.url, high_resolution=True, statistics="values", metrics=["duration"], flush_interval="5m")
    at = time.time() // 60 * 60 - 60
    for offset in (0.1, 0.2, 1.0):
        feed.offer(http_result(CHECK, at=at + offset))
    feed.close(GRACE_S)
    assert [(d["Timestamp"] - at, d["StorageResolution"]) for d in aws.taken] == [(0, 1), (1, 1)]


def test_a_role_is_assumed_with_its_external_id(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.url)
    arn = "arn:aws:iam::123456789012:role/prober"
    aws.roles[arn] = "eventchain"
    feed = running(aws.url, role_arn=arn, external_id="eventchain")
    feed.offer(now_result())
    feed.close(GRACE_S)
    assert [(r["key"], r["token"]) for r in aws.requests] == [("ASSUMED1", "token-of-ASSUMED1")]
    assert dict(feed.dropped) == NONE_DROPPED


def test_a_roles_credentials_are_renewed_before_they_expire(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.url)
    arn = "arn:aws:iam::123456789012:role/prober"
    aws.roles[arn] = ""
    aws.keys_expire = datetime.fromtimestamp(time.time() + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    feed = running(aws.url, role_arn=arn)
    for count in (1, 2):
        feed.offer(now_result())
        aws.wait_for_requests(count)
    feed.close(GRACE_S)
    assert [r["key"] for r in aws.requests] == ["ASSUMED1", "ASSUMED2"]


def test_a_role_that_may_not_be_assumed_is_a_failure_that_may_pass(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.url)
    feed = running(aws.url, Backoff(0.01, 0.02, give_up_s=0.1), role_arn="arn:aws:iam::123456789012:role/other")
    feed.offer(now_result())
    feed.close(GRACE_S)
    assert dict(feed.dropped) == {**NONE_DROPPED, "failed": 2}
    assert "AccessDenied" in vars(caplog.records[0])[FIELDS]["problem"]


def test_closing_ends_within_its_grace_and_counts_what_was_left(aws: FakeAws) -> None:
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


def test_closing_cuts_a_long_backoff_short(aws: FakeAws) -> None:
    aws.answers.append(BROKEN)
    feed = running(aws.url, Backoff(base_s=1000.0, cap_s=1000.0, give_up_s=10_000.0))
    feed.offer(now_result())
    aws.wait_for_requests(1)
    started = time.perf_counter()
    feed.close(GRACE_S)
    assert time.perf_counter() - started < 5.0
    assert names(aws.taken) == ["Success", "Duration"]


def test_missing_credentials_neither_block_nor_raise_and_later_ones_are_taken(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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
        "a sink's data are not taken",
        "a sink's data are taken again",
    ]
    assert "NoCredentialsError" in vars(caplog.records[0])[FIELDS]["problem"]


def test_a_profile_that_is_not_there_is_a_failure_and_not_the_end(aws: FakeAws) -> None:
    feed = running(aws.url, Backoff(0.01, 0.02, give_up_s=0.05), profile="nobody")
    feed.offer(now_result())
    feed.close(GRACE_S)
    assert dict(feed.dropped) == {**NONE_DROPPED, "failed": 2}


def test_closing_without_ever_a_result_sends_nothing(aws: FakeAws) -> None:
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
        {"statistics": "sums"},
        {"max_age": "2d"},
        {"role_arn": "prober"},
        {"external_id": "without-a-role"},
        {"flush_interval": "0s"},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(wrong.pop("endpoint_url", "http://127.0.0.1:1"), **wrong)
