"""Slack: the webhook, and the bot with its one message an incident."""

import logging
import socket
from typing import Any

import pytest
from fakes.alerts import REMINDER, RESOLVE, TRIGGER
from fakes.channels import HTTP, fault, http_sender, open_sender, send, taken
from fakes.receiver import Answer, Posted, Receiver, receiver
from pydantic import ValidationError
from pytest_httpx import HTTPXMock

from prober.faults import Permanent, Retryable
from prober.notify import Receipt, slack
from prober.notify._posting import LEAKY_LOGGERS

URL = "https://hooks.example/services/T000/B000/canary-token"
FIRST = "C0123456789/1700000000.000100"
OK = Answer(200, taken("slack-bot"))


def said_no(code: str, **headers: str) -> Answer:
    return Answer(200, f'{{"ok": false, "error": "{code}"}}'.encode(), headers)


def conversation(*answers: Answer, earlier: str, notice: Any = RESOLVE) -> tuple[Any, list[Posted]]:
    """What became of a notice, and what was posted, while the service answers so."""
    with receiver() as service:
        service.always = OK
        service.answers.extend(answers)
        sender = http_sender("slack-bot", service.url)
        try:
            return send(sender, notice, earlier), service.posted
        except (Retryable, Permanent) as refused:
            return refused, service.posted


def test_the_first_notice_is_a_message_whose_place_is_the_receipts_reference() -> None:
    receipt, posted = conversation(earlier="", notice=TRIGGER)
    assert receipt == Receipt(200, "", FIRST)
    (one,) = posted
    assert (one.path, one.headers["Authorization"]) == ("/api/chat.postMessage", "Bearer xoxb-canary")
    assert one.body["channel"] == "C0123456789"
    assert "thread_ts" not in one.body


def test_a_later_notice_updates_the_first_message_and_answers_in_its_thread() -> None:
    receipt, (update, reply) = conversation(earlier=FIRST)
    assert receipt.reference == FIRST
    assert (update.path, update.body["channel"], update.body["ts"]) == (
        "/api/chat.update",
        "C0123456789",
        "1700000000.000100",
    )
    assert update.body["attachments"][0]["color"] == "#12b76a"
    assert (reply.path, reply.body["thread_ts"]) == ("/api/chat.postMessage", "1700000000.000100")


@pytest.mark.parametrize("code", ["message_not_found", "edit_window_closed", "channel_not_found"])
def test_a_first_message_that_is_gone_is_replaced_by_a_new_one(code: str) -> None:
    receipt, posted = conversation(said_no(code), earlier="C9/1600000000.1")
    assert [one.path for one in posted] == ["/api/chat.update", "/api/chat.postMessage"]
    assert "thread_ts" not in posted[1].body
    assert receipt.reference == FIRST


def test_a_thread_that_is_locked_does_not_cost_the_notice() -> None:
    _, posted = conversation(OK, said_no("restricted_action_thread_locked"), earlier=FIRST)
    assert [one.body.get("thread_ts") for one in posted] == [None, "1700000000.000100", None]


@pytest.mark.parametrize(
    "code", ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"]
)
def test_a_no_that_may_pass_is_retryable_and_keeps_its_wait(code: str) -> None:
    found, _ = conversation(said_no(code, **{"Retry-After": "7"}), earlier="", notice=TRIGGER)
    assert isinstance(found, Retryable)
    assert (str(found), found.after_s) == (f"chat.postMessage: {code}", 7.0)


@pytest.mark.parametrize(
    "code", ["channel_not_found", "not_in_channel", "is_archived", "invalid_auth", "something_new"]
)
def test_a_no_that_stays_is_permanent(code: str) -> None:
    found, posted = conversation(said_no(code), earlier="", notice=TRIGGER)
    assert isinstance(found, Permanent)
    assert str(found) == f"chat.postMessage: {code}"
    assert len(posted) == 1


def test_an_update_that_is_rate_limited_holds_the_reply_back_so_that_it_comes_once() -> None:
    found, posted = conversation(said_no("ratelimited"), earlier=FIRST, notice=REMINDER)
    assert isinstance(found, Retryable)
    assert [one.path for one in posted] == ["/api/chat.update"]


def test_an_error_code_that_holds_the_token_does_not_show_it(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(text='{"ok": false, "error": "bad xoxb-canary"}')
    assert str(fault(http_sender("slack-bot"))) == "chat.postMessage: bad ***"


def test_a_webhook_that_answers_like_a_login_page_is_permanent(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(text="<html>Please log in</html>")
    assert isinstance(found := fault(http_sender("slack")), Permanent)
    assert "Please log in" in str(found)


def test_a_webhooks_reply_that_breaks_off_after_a_200_still_counts_as_taken() -> None:
    with receiver() as service:
        service.answers.append(Answer(200, b"", {"Content-Length": "1000", "Connection": "close"}))
        assert send(http_sender("slack", service.url)).status == 200


def test_nobody_listening_is_retryable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert isinstance(fault(http_sender("slack", f"http://127.0.0.1:{unused.getsockname()[1]}")), Retryable)


def test_the_loggers_that_show_urls_are_named_for_the_logging_setup(caplog: pytest.LogCaptureFixture) -> None:
    with receiver() as service, caplog.at_level(logging.DEBUG):
        for name in LEAKY_LOGGERS:
            caplog.set_level(logging.WARNING, logger=name)
        _taken(service)
        assert "canary" not in caplog.text


def _taken(service: Receiver) -> None:
    send(open_sender(HTTP["slack"](service.url)))


@pytest.mark.parametrize(
    "url",
    ["", "hooks.slack.com/x", "ftp://host/", "http://", "http://[", "http://h/a b", "http://h:99999/", "http://h/\n"],
)
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        slack.Spec.model_validate({"kind": "slack", "webhook_url": url})
    assert caught.value.errors()[0]["msg"] == "Value error, expected a URL such as https://host/path"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"token": "xoxb-1"},
        {"channel": "C1"},
        {"webhook_url": URL, "channel": "C1"},
        {"webhook_url": URL, "token": "xoxb-1", "channel": "C1"},
    ],
)
def test_slack_is_told_in_one_way(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give either webhook_url, or token and channel"):
        slack.Spec.model_validate({"kind": "slack", **settings})


@pytest.mark.parametrize("token", ["xoxb-1\r\nX: y", "xoxb-ä", "a\x00"])
def test_a_token_that_would_break_the_request_is_refused(token: str) -> None:
    with pytest.raises(ValidationError) as caught:
        slack.Spec.model_validate({"kind": "slack", "token": token, "channel": "C1"})
    assert token not in str([error["msg"] for error in caught.value.errors()])
