"""What Slack and the webhook are sent, and what becomes of every kind of answer."""

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fakes.alerts import AT, RESOLVE, TRIGGER
from fakes.receiver import Answer, receiver
from pydantic import ValidationError
from pytest_httpx import HTTPXMock, IteratorStream

from prober.clock import MovedClock
from prober.faults import DeliveryFault, Permanent, Retryable
from prober.model import Notice, NoticeKind
from prober.notify import Notifier, Receipt, slack, webhook
from prober.notify._posting import LEAKY_LOGGERS, REPLY_BYTES, retry_after_s
from prober.secret import Secret

GOLDEN = Path(__file__).parent.parent / "golden" / "notify"
URL = "https://hooks.example/services/T000/B000/canary-token"
CLOCK = MovedClock()


def slack_sender(url: str = URL) -> Notifier:
    return slack.Sender(slack.Spec(kind="slack", webhook_url=Secret(url)), CLOCK)


def webhook_sender(url: str = URL) -> Notifier:
    spec = webhook.Spec(kind="webhook", url=Secret(url), headers={"Authorization": Secret("Bearer canary")})
    return webhook.Sender(spec, CLOCK)


BOTH = pytest.mark.parametrize("sender", [slack_sender, webhook_sender])
Open = Callable[[], Notifier]


def send(sender: Notifier, notice: Notice = TRIGGER) -> Receipt:
    async def main() -> Receipt:
        try:
            return await sender.send(notice)
        finally:
            await sender.close()

    return asyncio.run(main())


def fault(sender: Notifier) -> DeliveryFault:
    with pytest.raises(DeliveryFault) as caught:
        send(sender)
    assert "canary" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("notice", [TRIGGER, RESOLVE], ids=lambda notice: notice.kind.value)
@pytest.mark.parametrize("kind", [slack, webhook], ids=["slack", "webhook"])
def test_a_notice_is_posted_as_its_golden_file_says(kind: object, notice: Notice, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(text="ok")
    send(slack_sender() if kind is slack else webhook_sender(), notice)
    (request,) = httpx_mock.get_requests()
    name = "slack" if kind is slack else "webhook"
    assert json.loads(request.content) == json.loads((GOLDEN / f"{name}-{notice.kind.value}.json").read_text())
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("prober/")


def test_a_webhook_gets_the_idempotency_key_and_the_headers_it_asked_for(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=202)
    assert send(webhook_sender()) == Receipt(202, "")
    (request,) = httpx_mock.get_requests()
    assert request.headers["idempotency-key"] == TRIGGER.id
    assert request.headers["authorization"] == "Bearer canary"


@BOTH
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 413])
def test_an_answer_that_no_repetition_mends_is_permanent(sender: Open, status: int, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=status, text="no_service", headers={"Location": "https://elsewhere.example/"})
    assert isinstance(found := fault(sender()), Permanent)
    assert str(found) == f"answered {status}: no_service"


@BOTH
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_an_answer_that_may_pass_is_retryable(sender: Open, status: int, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=status)
    assert isinstance(found := fault(sender()), Retryable)
    assert found.after_s is None


@BOTH
def test_a_rate_limit_says_when_to_come_back(sender: Open, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=429, headers={"Retry-After": "30"})
    assert isinstance(found := fault(sender()), Retryable)
    assert found.after_s == 30.0


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


@BOTH
@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("All connection attempts failed"),
        httpx.ConnectTimeout(""),
        httpx.ReadTimeout("no reply from " + URL),
        httpx.RemoteProtocolError("Server disconnected"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_network_failure_is_retryable(sender: Open, failure: httpx.HTTPError, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(failure)
    assert isinstance(fault(sender()), Retryable)


def test_a_200_that_is_not_slacks_is_permanent_and_does_not_pass_for_success(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(text="<html>Please log in</html>")
    assert isinstance(found := fault(slack_sender()), Permanent)
    assert "Please log in" in str(found)


def test_an_endless_reply_is_read_to_its_cap_and_no_further(httpx_mock: HTTPXMock) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1024
            yield b"x" * 1024

    httpx_mock.add_response(stream=IteratorStream(endless()))
    assert send(webhook_sender()).detail == "x" * 200
    assert read <= REPLY_BYTES + 2048


def test_a_reply_that_echoes_the_url_does_not_carry_its_token_on(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=404, text=f"no such hook {URL}")
    assert "***" in str(fault(slack_sender()))


def test_a_sender_works_on_a_real_socket_and_again_after_it_was_closed() -> None:
    async def main(url: str) -> None:
        sender = slack_sender(url)
        for notice in (TRIGGER, RESOLVE):
            await sender.send(notice)
        await sender.close()
        await sender.send(TRIGGER)
        await sender.close()

    with receiver() as service:
        asyncio.run(main(f"{service.url}/services/T000"))
        assert [posted.path for posted in service.posted] == ["/services/T000"] * 3


def test_nobody_listening_is_retryable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert isinstance(fault(slack_sender(f"http://127.0.0.1:{unused.getsockname()[1]}/")), Retryable)


def test_a_reply_that_breaks_off_after_a_200_still_counts_as_taken() -> None:
    with receiver() as service:
        service.answers.append(Answer(200, b"o", {"Content-Length": "1000", "Connection": "close"}))
        assert send(webhook_sender(service.url)).status == 200


def test_the_loggers_that_show_urls_are_named_for_the_logging_setup(caplog: pytest.LogCaptureFixture) -> None:
    with receiver() as service, caplog.at_level(logging.DEBUG):
        for name in LEAKY_LOGGERS:
            caplog.set_level(logging.WARNING, logger=name)
        send(slack_sender(f"{service.url}/canary"))
        assert "canary" not in caplog.text


@pytest.mark.parametrize(
    "url",
    ["", "hooks.slack.com/x", "ftp://host/", "http://", "http://[", "http://h/a b", "http://h:99999/", "http://h/\n"],
)
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        slack.Spec.model_validate({"kind": "slack", "webhook_url": url})
    assert caught.value.errors()[0]["msg"] == "Value error, expected a URL such as https://host/path"


@pytest.mark.parametrize("headers", [{"X-A": "a\r\nX-B: b"}, {"X A": "a"}, {"X-A": "ä"}])
def test_a_header_that_would_break_the_request_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        webhook.Spec.model_validate({"kind": "webhook", "url": "http://127.0.0.1:5001/", "headers": headers})


HOSTILE = "<!channel> @here & <https://evil.example|click> `*bold*` ``` \u202e\x00 " + "&" * 50_000


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        here = [value["text"]] if isinstance(value.get("text"), str) else []
        return here + [t for item in value.values() for t in texts(item)]
    return [t for item in value for t in texts(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_hostile_text_is_escaped_bounded_and_mentions_nobody_in_slack(kind: NoticeKind) -> None:
    notice = replace(
        TRIGGER,
        kind=kind,
        title=HOSTILE,
        target=HOSTILE,
        message=HOSTILE,
        reason=HOSTILE,
        expected=((HOSTILE, HOSTILE, HOSTILE),) * 20,
        runbook="https://wiki.example/a|b>c",
        tags=("x" * 100,) * 50,
    )
    message = slack.payload(notice)
    for text in texts(message):
        assert "<!channel>" not in text
        assert "@here" not in text
        assert "<https://evil" not in text
        assert "\x00" not in text
        assert "\u202e" not in text
        assert len(text) <= 3_000
    header, fields = message["blocks"][0], message["blocks"][1]["fields"]
    assert len(header["text"]["text"]) <= 150
    assert len(fields) <= 10
    assert all(len(item["text"]) <= 2_000 for item in fields)
    assert len(json.dumps(message)) < 13_000 * 2
    assert sum(map(len, texts(message))) < 13_000


def test_no_entity_is_cut_in_half() -> None:
    cut = slack.escape("&" * 100, 42)
    assert cut.replace("&amp;", "") == "…"
    assert len(cut) <= 42


def test_an_empty_message_makes_no_empty_block_which_slack_would_refuse() -> None:
    assert all(texts(slack.payload(replace(TRIGGER, message=" ", target="", expected=(), tags=(), runbook=None))))


def test_text_with_lone_surrogates_can_still_be_sent(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(text="ok")
    send(webhook_sender(), replace(TRIGGER, message="bad \udcff byte"))
    assert json.loads(httpx_mock.get_requests()[0].content)["message"] == "bad ? byte"
