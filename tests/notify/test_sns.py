"""SNS: what a subscribed queue gets of it (moto), and AWS's ways to refuse."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from fakes.alerts import EVERY_KIND, RESOLVE, TRIGGER
from fakes.channels import fault, golden, open_sender, send
from fakes.receiver import Answer, receiver
from moto.server import ThreadedMotoServer
from pydantic import ValidationError

from prober.faults import Permanent, Retryable
from prober.model import Notice
from prober.notify import sns

ARN = "arn:aws:sns:eu-west-1:123456789012:ops"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACANARY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-key")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


class Aws:
    """A topic and a queue that gets what is published to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._sns = boto3.client("sns", region_name="eu-west-1", endpoint_url=url)
        self._sqs = boto3.client("sqs", region_name="eu-west-1", endpoint_url=url)

    def subscribed(self, name: str) -> tuple[str, str]:
        more = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
        topic: str = self._sns.create_topic(Name=name, Attributes=more)["TopicArn"]
        more = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        queue: str = self._sqs.create_queue(QueueName=name, Attributes=more)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self._sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return topic, queue

    def received(self, queue: str) -> list[dict[str, Any]]:
        found = self._sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"])
        return [{**json.loads(one["Body"]), "queued": one["Attributes"]} for one in found.get("Messages", ())]

    def close(self) -> None:
        self._sns.close()
        self._sqs.close()


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto: str) -> Iterator[Aws]:
    opened = Aws(moto)
    yield opened
    opened.close()


def sender(url: str, topic_arn: str = ARN) -> Any:
    return open_sender({"kind": "sns", "topic_arn": topic_arn, "endpoint_url": url})


@pytest.mark.parametrize("notice", EVERY_KIND, ids=lambda notice: notice.kind.value)
def test_what_is_published_is_what_its_golden_file_says(notice: Notice) -> None:
    assert sns.payload(notice, ARN) == golden("sns", notice)


def test_a_queue_gets_the_subject_the_text_and_the_attributes_to_filter_by(aws: Aws) -> None:
    topic, queue = aws.subscribed("ops")
    receipt = send(sender(aws.url, topic))
    (told,) = aws.received(queue)
    assert told["Subject"] == "Down: The storefront"
    assert "failed 3 times in a row" in told["Message"]
    assert told["MessageAttributes"]["severity"] == {"Type": "String", "Value": "critical"}
    assert receipt.detail == f"message {told['MessageId']}"


def test_a_fifo_topic_keeps_an_incidents_notices_in_order_and_each_once(aws: Aws) -> None:
    topic, queue = aws.subscribed("ops.fifo")
    for notice in (TRIGGER, TRIGGER, RESOLVE):
        send(sender(aws.url, topic), notice)
    told = aws.received(queue)
    assert [one["Subject"] for one in told] == ["Down: The storefront", "Up again after 5m: The storefront"]
    assert {one["queued"]["MessageGroupId"] for one in told} == {"storefront/5f2b"}


def test_a_topic_that_is_not_there_is_permanent(aws: Aws) -> None:
    found = fault(sender(aws.url, ARN.replace("ops", "nowhere")))
    assert isinstance(found, Permanent)
    assert "NotFound" in str(found)


def refused(status: int, code: str) -> Answer:
    text = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return Answer(status, text.encode(), {"Content-Type": "text/xml"})


@pytest.mark.parametrize(
    "answer",
    [
        refused(400, "Throttled"),
        refused(400, "ThrottlingException"),
        refused(403, "ExpiredToken"),
        refused(500, "InternalFailure"),
        refused(503, "ServiceUnavailable"),
        Answer(200, b"<html>a proxy's page"),
        Answer(200, b""),
    ],
    ids=lambda answer: f"{answer.status} {answer.body[22:60].decode()}",
)
def test_what_may_pass_is_retryable(answer: Answer) -> None:
    with receiver() as service:
        service.always = answer
        before = time.monotonic()
        assert isinstance(fault(sender(service.url)), Retryable)
        assert len(service.posted) == 1
        assert time.monotonic() - before < 20


@pytest.mark.parametrize(
    "code", ["AuthorizationError", "InvalidParameter", "NotFound", "KMSDisabled", "InvalidClientTokenId"]
)
def test_what_somebody_must_mend_is_permanent(code: str) -> None:
    with receiver() as service:
        service.always = refused(403, code)
        assert isinstance(found := fault(sender(service.url)), Permanent)
        assert code in str(found)


def test_a_client_that_failed_is_made_anew_so_that_new_credentials_are_seen() -> None:
    with receiver() as service:
        service.answers.append(refused(403, "ExpiredToken"))
        service.always = Answer(200, b"<R><PublishResult><MessageId>m</MessageId></PublishResult></R>")
        one = sender(service.url)
        fault(one)
        assert send(one).status == 200


def test_without_credentials_or_a_network_it_is_retryable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(fault(sender("http://127.0.0.1:1")), Retryable)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert isinstance(fault(sender("http://127.0.0.1:1")), Retryable)


def test_a_subject_is_cut_and_never_empty() -> None:
    assert sns.subject(replace(TRIGGER, title="ü" * 200)) == "Down: " + "?" * 91 + "..."
    assert sns.subject(replace(TRIGGER, title="")) == "Down"


@pytest.mark.parametrize(
    "arn", ["ops", "arn:aws:sqs:eu-west-1:123456789012:ops", "arn:aws:sns:eu-west-1:1:ops", ARN + "\n"]
)
def test_what_is_no_topic_is_refused(arn: str) -> None:
    with pytest.raises(ValidationError):
        sns.Spec.model_validate({"kind": "sns", "topic_arn": arn})
