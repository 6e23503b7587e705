"""What every channel that speaks HTTP has in common: golden payloads, kinds of answers, secrets, bounded replies."""

import json
from collections.abc import Iterator

import httpx
import pytest
from fakes.alerts import AT, EVERY_KIND, HOSTILE, RESOLVE, TRIGGER
from fakes.channels import HTTP, fault, golden, http_sender, send, taken
from fakes.receiver import Answer, receiver
from pytest_httpx import HTTPXMock, IteratorStream

from prober.faults import Permanent, Retryable
from prober.model import Notice
from prober.notify._posting import MESSAGE_REPLY_BYTES, REPLY_BYTES, retry_after_s
from prober.store import codec

EVERY = pytest.mark.parametrize("kind", HTTP)


@EVERY
@pytest.mark.parametrize("notice", EVERY_KIND, ids=lambda notice: notice.kind.value)
def test_a_notice_is_posted_as_its_golden_file_says(kind: str, notice: Notice, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=taken(kind))
    send(http_sender(kind), notice)
    (request,) = httpx_mock.get_requests()
    assert json.loads(request.content) == golden(kind, notice)
    assert request.headers["content-type"].startswith("application/json")
    assert request.headers["user-agent"].startswith("prober/")


@EVERY
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 413])
def test_an_answer_that_no_repetition_mends_is_permanent(kind: str, status: int, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=status, text="no_service", headers={"Location": "https://elsewhere.example/"})
    assert isinstance(found := fault(http_sender(kind)), Permanent)
    assert f"answered {status}: no_service" in str(found)


@EVERY
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_an_answer_that_may_pass_is_retryable(kind: str, status: int, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=status)
    assert isinstance(fault(http_sender(kind)), Retryable)


@EVERY
def test_a_rate_limit_says_when_to_come_back(kind: str, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=429, headers={"Retry-After": "30"})
    assert isinstance(found := fault(http_sender(kind)), Retryable)
    assert found.after_s == 30.0


@EVERY
@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("All connection attempts failed"),
        httpx.ConnectTimeout(""),
        httpx.ReadTimeout("no reply to canary-token"),
        httpx.RemoteProtocolError("Server disconnected"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_network_failure_is_retryable(kind: str, failure: httpx.HTTPError, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(failure)
    with pytest.raises(Retryable):
        send(http_sender(kind))


@EVERY
def test_a_reply_that_echoes_the_request_does_not_carry_its_secrets_on(kind: str) -> None:
    with receiver() as service:
        send_ok = Answer(200, taken(kind))
        service.answers.append(send_ok)
        send(http_sender(kind, service.url), RESOLVE)
        said = service.posted[0]
        wire = f"{said.path} {said.headers.get('Authorization', '')} ".encode() + said.raw[:2_000]
        service.always = Answer(404, wire)
        assert isinstance(fault(http_sender(kind, service.url), RESOLVE), Permanent)


@EVERY
def test_an_endless_reply_is_read_to_its_cap_and_no_further(kind: str, httpx_mock: HTTPXMock) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1024
            yield b"x" * 1024

    httpx_mock.add_response(status_code=400, stream=IteratorStream(endless()))
    assert len(str(fault(http_sender(kind)))) < 300
    assert read <= max(REPLY_BYTES, MESSAGE_REPLY_BYTES) + 2048


@pytest.mark.parametrize("kind", ["discord", "slack-bot", "telegram", "slack"])
@pytest.mark.parametrize("body", [b"", b"<html>Please log in</html>", b"[" * 50_000, b'{"ok": 1}', b"[]", b"\xff"])
def test_a_200_that_is_not_the_services_does_not_pass_for_success(
    kind: str, body: bytes, httpx_mock: HTTPXMock
) -> None:
    if kind == "slack" and not body:  # an incoming webhook's reply may break off
        return
    httpx_mock.add_response(content=body)
    assert isinstance(fault(http_sender(kind)), Permanent)


@EVERY
def test_a_sender_works_on_a_real_socket_and_again_after_it_was_closed(kind: str) -> None:
    with receiver() as service:
        service.always = Answer(200, taken(kind))
        sender = http_sender(kind, service.url)
        for notice in (TRIGGER, RESOLVE, TRIGGER):
            send(sender, notice)
        assert len(service.posted) == 3


@EVERY
def test_the_most_hostile_notice_can_be_sent(kind: str, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=taken(kind))
    send(http_sender(kind), HOSTILE)
    assert b"\\ud800" not in httpx_mock.get_requests()[0].content


@EVERY
@pytest.mark.parametrize("notice", EVERY_KIND, ids=lambda notice: notice.kind.value)
def test_a_notice_that_was_stored_meanwhile_is_posted_as_it_was(
    kind: str, notice: Notice, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(content=taken(kind))
    send(http_sender(kind), codec.notice(codec.notice_json(notice)))
    assert json.loads(httpx_mock.get_requests()[0].content) == golden(kind, notice)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2022 22:14:20 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, expected: float | None) -> None:
    assert retry_after_s(value, AT) == expected
