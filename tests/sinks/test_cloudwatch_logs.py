"""The CloudWatch Logs sink against a fake that keeps to every limit, and against moto over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from fakes.aws import BROKEN, THROTTLED, Answer, FakeAws, fake_aws, use_keys
from fakes.aws_rules import BATCH_BYTES, EVENT_BYTES
from fakes.results import Target, browser_result, http_result, result
from moto.server import ThreadedMotoServer
from pydantic import ValidationError

from prober.clock import MovedClock, SystemClock
from prober.log import FIELDS
from prober.model import Navigation, Reason, Step, Verdict
from prober.sinks.cloudwatch.feed import Backoff, Feed
from prober.sinks.cloudwatch.logs import Event, Spec, feed_of, open_sink

CHECK = Target(id="storefront")
GROUP = "/eventchain/synthetics"
QUICK = Backoff(base_s=0.01, cap_s=0.02, give_up_s=5.0)
GRACE_S = 20.0
DAY_S = 86_400.0
NONE_DROPPED = {"full": 0, "rejected": 0, "failed": 0}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch)


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with fake_aws() as fake:
        yield fake


def spec(url: str, **more: Any) -> Spec:
    settings = {"kind": "cloudwatch_logs", "aws_region": "eu-west-1", "endpoint_url": url, "flush_interval": "50ms"}
    return Spec.model_validate({**settings, **more})


def feed(url: str, backoff: Backoff = QUICK, **more: Any) -> Feed[Event]:
    return feed_of(spec(url, **more), SystemClock(), backoff)


def sent(waiting: Feed[Event], *results: Any) -> Feed[Event]:
    """Offer all of ``results`` first, so that they are in as few batches as they may be."""
    for one in results:
        waiting.offer(one)
    waiting.start()
    waiting.close(GRACE_S)
    return waiting


def now_result(ago_s: float = 0.0, **changed: Any) -> Any:
    return http_result(CHECK, **{"at": time.time() - ago_s, **changed})


def puts(aws: FakeAws) -> list[dict[str, Any]]:
    return [request["body"] for request in aws.requests if request["operation"] == "PutLogEvents"]


def test_a_result_is_one_event_of_json_at_its_own_time(aws: FakeAws) -> None:
    one = now_result(30.0, verdict=Verdict.DOWN, reason=Reason.STATUS)
    done = sent(feed(aws.url), one)
    (event,) = aws.events(GROUP)
    told = json.loads(event["message"])
    assert event["timestamp"] == round(one.started_at * 1000)
    assert (told["check"], told["region"], told["verdict"], told["reason"]) == (
        "storefront",
        "eu-west-1",
        "down",
        "status",
    )
    assert told["phases"]["tls"] == 0.03
    assert (aws.flaws, dict(done.dropped)) == ([], NONE_DROPPED)


def test_group_and_stream_of_the_day_are_created_and_the_retention_set(aws: FakeAws) -> None:
    clock = MovedClock(wall=datetime(2026, 12, 31, 23, 59, tzinfo=UTC).timestamp())
    sink = feed_of(spec(aws.url, log_stream="prober-1", retention_days=90), clock, QUICK)
    sink.start()
    sink.offer(now_result())
    while not puts(aws):
        time.sleep(0.01)
    clock.advance(120)
    sink.offer(now_result())
    sink.close(GRACE_S)
    assert aws.groups[GROUP].retention_days == 90
    assert list(aws.groups[GROUP].streams) == ["prober-1/2026-12-31", "prober-1/2027-01-01"]
    assert len(aws.events(GROUP)) == 2


def test_a_groups_own_retention_is_left_alone_where_none_is_asked_for(aws: FakeAws) -> None:
    sent(feed(aws.url, retention_days=None), now_result())
    assert "PutRetentionPolicy" not in [request["operation"] for request in aws.requests]
    assert aws.groups[GROUP].retention_days is None


def test_what_is_there_already_is_used(aws: FakeAws) -> None:
    for _ in range(2):
        assert dict(sent(feed(aws.url), now_result()).dropped) == NONE_DROPPED
    assert (len(aws.groups[GROUP].streams), len(aws.events(GROUP))) == (1, 2)


def test_who_may_only_put_events_may_find_group_and_stream_made(aws: FakeAws, caplog: pytest.LogCaptureFixture) -> None:
    sent(feed(aws.url), now_result())
    aws.forbids = {"CreateLogGroup", "PutRetentionPolicy", "CreateLogStream"}
    assert dict(sent(feed(aws.url), now_result()).dropped) == NONE_DROPPED
    assert len(aws.events(GROUP)) == 2
    assert {vars(record)[FIELDS]["operation"] for record in caplog.records} == {
        "create_log_group",
        "put_retention_policy",
        "create_log_stream",
    }


def test_a_group_that_is_removed_meanwhile_is_made_again(aws: FakeAws) -> None:
    sink = feed(aws.url)
    sink.start()
    sink.offer(now_result())
    while not (GROUP in aws.groups and aws.events(GROUP)):
        time.sleep(0.01)
    del aws.groups[GROUP]
    sink.offer(now_result())
    sink.close(GRACE_S)
    assert len(aws.events(GROUP)) == 1
    assert dict(sink.dropped) == NONE_DROPPED


def test_runs_that_ended_out_of_order_are_sent_in_order(aws: FakeAws) -> None:
    sent(feed(aws.url), *(now_result(ago) for ago in (5, 60, 1, 30)))
    times = [event["timestamp"] for event in aws.events(GROUP)]
    assert len(puts(aws)) == 1
    assert times == sorted(times)


def test_a_batch_spans_less_than_a_day(aws: FakeAws) -> None:
    done = sent(feed(aws.url), *(now_result(hours * 3_600.0) for hours in (50, 49, 26, 25, 3, 0)))
    assert len(aws.events(GROUP)) == 6
    assert (len(puts(aws)) > 1, aws.flaws, dict(done.dropped)) == (True, [], NONE_DROPPED)


def test_a_batch_is_no_larger_than_a_mebibyte_with_26_bytes_for_each_event(aws: FakeAws) -> None:
    wide = {"facts": {"title": "ü" * 100_000}}
    done = sent(feed(aws.url), *(now_result(**wide) for _ in range(12)))
    sizes = [sum(len(e["message"].encode()) + EVENT_BYTES for e in put["logEvents"]) for put in puts(aws)]
    assert len(aws.events(GROUP)) == 12
    assert (BATCH_BYTES // 2 < max(sizes) <= BATCH_BYTES, aws.flaws) == (True, [])
    assert dict(done.dropped) == NONE_DROPPED


def test_a_batch_has_ten_thousand_events_at_most(aws: FakeAws) -> None:
    at = time.time()
    small = [result(Target(id="t"), at=at) for _ in range(3_000)]
    done = sent(feed(aws.url, queue_limit=100_000), *small)
    counts = [len(put["logEvents"]) for put in puts(aws)]
    assert (sum(counts), aws.flaws, dict(done.dropped)) == (3_000, [], NONE_DROPPED)
    assert max(counts) <= 10_000


def test_a_result_that_is_too_long_says_what_was_left_out(aws: FakeAws) -> None:
    page = Navigation("hard", "https://shop.example/", detail={"requests": ["x" * 1000] * 1500})
    long = browser_result(CHECK, at=time.time(), steps=(Step("Browse", Verdict.UP, 1.0, navigations=(page,)),))
    done = sent(feed(aws.url), long)
    told = json.loads(aws.events(GROUP)[0]["message"])
    assert (told["cut"], told["measures"][0]["value"], "steps" in told) == (["steps"], 98.0, False)
    assert dict(done.dropped) == NONE_DROPPED


def test_events_refused_for_their_time_are_counted_though_the_request_was_taken(
    aws: FakeAws, caplog: pytest.LogCaptureFixture
) -> None:
    # moto says the index of the last event that is too old, where AWS says the one after it: only the fake can tell.
    old = [now_result(15 * DAY_S + n) for n in range(3)]
    expired = [now_result(2 * DAY_S + n) for n in range(2)]
    done = sent(feed(aws.url, retention_days=1), *old, *expired, now_result(), now_result(-3 * 3_600.0))
    assert len(aws.events(GROUP)) == 1
    assert dict(done.dropped) == {**NONE_DROPPED, "rejected": 6}
    told = [vars(record)[FIELDS] for record in caplog.records if "refused events" in record.message]
    assert sum(fields["refused"] for fields in told) == 6
    assert any("tooNewLogEventStartIndex" in fields for fields in told)


@pytest.mark.parametrize(
    "answer",
    [THROTTLED, BROKEN, (503, "ServiceUnavailableException", b""), (400, "OperationAbortedException", b"")],
    ids=lambda answer: answer[1],
)
def test_what_may_pass_is_tried_again_and_arrives_once(aws: FakeAws, answer: Answer) -> None:
    aws.answers.extend([answer] * 5)
    done = sent(feed(aws.url), now_result(), now_result())
    assert len(aws.events(GROUP)) == 2
    assert dict(done.dropped) == NONE_DROPPED


def test_a_service_that_stays_away_is_given_up_on(aws: FakeAws) -> None:
    aws.answers.extend([BROKEN] * 1000)
    done = sent(feed(aws.url, Backoff(0.01, 0.02, give_up_s=0.1)), now_result(), now_result())
    assert dict(done.dropped) == {**NONE_DROPPED, "failed": 2}


def test_half_full_it_thins_what_is_good_and_keeps_what_is_not(aws: FakeAws, caplog: pytest.LogCaptureFixture) -> None:
    at = time.time()
    waiting = feed(aws.url, queue_limit=300)
    with caplog.at_level("INFO", "prober"):
        for number in range(600):
            up = result(CHECK, at=at)
            down = result(CHECK, Verdict.DOWN, Reason.STATUS, at=at)
            one = down if number % 10 == 0 else up
            waiting.offer(replace(one, run_id=f"run-{number}"))
        done = sent(waiting)
    verdicts = [json.loads(event["message"])["verdict"] for event in aws.events(GROUP)]
    assert verdicts.count("down") == 60
    assert (done.dropped["full"], 300 < done.dropped["thinned"] < 500) == (0, True)
    assert len(verdicts) + done.dropped["thinned"] == 600
    assert "a sink is half full and takes less from now on" in [record.message for record in caplog.records]


def test_offering_never_waits_and_closing_keeps_to_its_grace(aws: FakeAws) -> None:
    aws.open.clear()
    sink = feed(aws.url)
    sink.start()
    started = time.perf_counter()
    for _ in range(500):
        sink.offer(now_result())
    sink.close(0.2)
    assert time.perf_counter() - started < 2.0
    assert (sink.queued, sink.dropped["failed"]) == (0, 500)


@pytest.mark.parametrize(
    "facts",
    [{"odd": 2**70}, {"odd": "half a pair \ud83d"}, {"odd": float("nan")}, {"odd": object()}, {3: "key"}],
    ids=["a large number", "half a pair", "not a number", "an object", "a number as key"],
)
def test_odd_facts_are_still_json(aws: FakeAws, facts: dict[Any, Any]) -> None:
    done = sent(feed(aws.url), now_result(facts=facts))
    assert json.loads(aws.events(GROUP)[0]["message"])["check"] == "storefront"
    assert dict(done.dropped) == NONE_DROPPED


def test_results_arrive_at_moto_in_order() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        sink = open_sink(spec(url, log_group="/moto/results", log_stream="here", retention_days=7))
        for ago_s in (1.0, 3.0, 2.0):
            sink.offer(now_result(ago_s))
        sink.close(GRACE_S)
        client = boto3.client("logs", region_name="eu-west-1", endpoint_url=url)
        (group,) = client.describe_log_groups(logGroupNamePrefix="/moto/")["logGroups"]
        (stream,) = client.describe_log_streams(logGroupName="/moto/results")["logStreams"]
        events = client.get_log_events(
            logGroupName="/moto/results", logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
        client.close()
    finally:
        server.stop()
    assert group["retentionInDays"] == 7
    assert stream["logStreamName"].startswith("here/20")
    assert [json.loads(event["message"])["check"] for event in events] == ["storefront"] * 3
    assert [e["timestamp"] for e in events] == sorted(e["timestamp"] for e in events)
    assert dict(sink.dropped) == NONE_DROPPED


@pytest.mark.parametrize(
    "wrong",
    [
        {"log_group": "with space"},
        {"log_group": "aws/mine"},
        {"log_stream": "a:b"},
        {"log_stream": ""},
        {"retention_days": 2},
        {"aws_region": "nowhere"},
        {"namespace": "EventChain"},
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("http://127.0.0.1:1", **wrong)
