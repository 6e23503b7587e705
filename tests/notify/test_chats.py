"""Discord, Telegram, Teams, Opsgenie and ntfy: what each of them does in its own way."""

from dataclasses import replace

import pytest
from fakes.alerts import RESOLVE, TRIGGER, UPDATE
from fakes.channels import HTTP, fault, http_sender, open_sender, send, taken
from fakes.receiver import Answer, receiver
from pydantic import ValidationError
from pytest_httpx import HTTPXMock

from prober.faults import Permanent, Retryable
from prober.notify import discord, ntfy, opsgenie, teams, telegram


def test_discord_is_asked_to_wait_so_that_it_answers_with_the_messages_id() -> None:
    with receiver() as service:
        service.always = Answer(200, taken("discord"))
        assert send(http_sender("discord", service.url)).reference == "42"
        assert service.posted[0].path == "/api/webhooks/1/canary-token?wait=true"


def test_a_webhooks_thread_is_kept() -> None:
    with receiver() as service:
        service.always = Answer(200, taken("discord"))
        settings = {"kind": "discord", "webhook_url": f"{service.url}/api/webhooks/1/t?thread_id=9"}
        send(open_sender(settings), RESOLVE, "42")
        assert [one.path for one in service.posted] == [
            "/api/webhooks/1/t/messages/42?thread_id=9",
            "/api/webhooks/1/t?thread_id=9&wait=true",
        ]


def test_a_later_notice_updates_discords_first_message_and_is_posted() -> None:
    with receiver() as service:
        service.always = Answer(200, taken("discord"))
        assert send(http_sender("discord", service.url), RESOLVE, "41").reference == "41"
        update, post = service.posted
        assert (update.method, update.path) == ("PATCH", "/api/webhooks/1/canary-token/messages/41")
        assert update.body["embeds"][0]["color"] == 0x12B76A
        assert post.method == "POST"


def test_a_message_that_was_deleted_at_discord_does_not_cost_the_notice() -> None:
    with receiver() as service:
        service.answers.append(Answer(404, b'{"code": 10008, "message": "Unknown Message"}'))
        service.always = Answer(200, taken("discord"))
        assert send(http_sender("discord", service.url), RESOLVE, "41").reference == "42"
        assert [one.method for one in service.posted] == ["PATCH", "POST"]


def test_discords_own_wait_is_finer_than_the_header(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=429, json={"retry_after": 1.25, "global": False}, headers={"Retry-After": "2"})
    assert isinstance(found := fault(http_sender("discord")), Retryable)
    assert found.after_s == 1.25


@pytest.mark.parametrize("wait", ["soon", None, -1, 1e99, [1]])
def test_a_wait_that_is_none_is_passed_over(wait: object, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=429, json={"retry_after": wait})
    assert isinstance(found := fault(http_sender("discord")), Retryable)
    assert found.after_s is None


def test_a_reference_that_is_no_messages_id_is_not_put_into_a_path(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=taken("discord"))
    send(http_sender("discord"), RESOLVE, "../../users/@me")
    assert [request.method for request in httpx_mock.get_requests()] == ["POST"]


def test_a_telegram_message_answers_the_incidents_first() -> None:
    with receiver() as service:
        service.always = Answer(200, taken("telegram"))
        assert send(http_sender("telegram", service.url)).reference == "7"
        assert send(http_sender("telegram", service.url), RESOLVE, "5").reference == "5"
        first, later = service.posted
        assert first.path == "/bot123:canary-token/sendMessage"
        assert first.body["chat_id"] == -1001
        assert later.body["reply_parameters"] == {"message_id": 5, "allow_sending_without_reply": True}


def test_a_group_that_became_a_supergroup_is_followed_and_remembered() -> None:
    moved = b'{"ok": false, "error_code": 400, "parameters": {"migrate_to_chat_id": -1002}}'
    with receiver() as service:
        service.answers.append(Answer(400, moved))
        service.always = Answer(200, taken("telegram"))
        sender = http_sender("telegram", service.url)
        assert send(sender).detail == "the chat has moved: chat_id is now -1002"
        send(sender, RESOLVE)
        assert [one.body["chat_id"] for one in service.posted] == [-1001, -1002, -1002]


def test_telegrams_own_wait_is_kept(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=429, json={"ok": False, "parameters": {"retry_after": 13}})
    assert isinstance(found := fault(http_sender("telegram")), Retryable)
    assert found.after_s == 13


def test_a_forums_topic_is_written_to() -> None:
    assert telegram.payload(TRIGGER, thread_id=3)["message_thread_id"] == 3
    assert "reply_parameters" not in telegram.payload(TRIGGER, earlier="../1")


@pytest.mark.parametrize(
    "changed", [{"token": "canary"}, {"token": "1:a/../b"}, {"chat_id": "x"}, {"chat_id": "@a b"}, {"chat_id": ""}]
)
def test_a_token_or_a_chat_of_the_wrong_form_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        telegram.Spec.model_validate({**HTTP["telegram"]("https://t.example"), **changed})
    assert "canary" not in str([error["msg"] for error in caught.value.errors()])


def test_a_card_is_coloured_by_its_headline() -> None:
    def colour(notice: object) -> str:
        return teams.payload(notice)["attachments"][0]["content"]["body"][0]["inlines"][0]["color"]  # type: ignore[arg-type]

    assert [colour(TRIGGER), colour(RESOLVE)] == ["attention", "good"]


def test_opsgenie_closes_what_it_opened_by_its_alias() -> None:
    with receiver() as service:
        service.always = Answer(202, b'{"result": "Request will be processed"}')
        for notice in (TRIGGER, UPDATE, RESOLVE):
            send(http_sender("opsgenie", service.url), notice)
        opened, counted, closed = service.posted
        assert opened.path == counted.path == "/v2/alerts"
        assert opened.headers["Authorization"] == "GenieKey canary-key"
        assert opened.body["alias"] == counted.body["alias"] == "storefront:5f2b"
        assert closed.path == "/v2/alerts/storefront%3A5f2b/close?identifierType=alias"


@pytest.mark.parametrize(("severity", "priority"), [("critical", "P1"), ("warning", "P3"), ("info", "P5"), ("", "P3")])
def test_severities_are_opsgenies_priorities(severity: str, priority: str) -> None:
    assert opsgenie.payload(replace(TRIGGER, severity=severity))["priority"] == priority


def test_ntfy_is_loud_for_what_is_critical_and_not_for_recoveries_or_tests() -> None:
    told = [TRIGGER, replace(TRIGGER, severity="warning"), RESOLVE, replace(TRIGGER, test=True)]
    assert [ntfy.payload(notice)["priority"] for notice in told] == [5, 4, 3, 3]


def test_ntfy_gets_the_topic_in_the_body_and_the_token_in_a_header() -> None:
    with receiver() as service:
        send(http_sender("ntfy", service.url))
        (one,) = service.posted
        assert (one.path, one.body["topic"]) == ("/", "canary-topic")
        assert one.headers["Authorization"] == "Bearer tk_canary"


@pytest.mark.parametrize("topic", ["", "a/b", "a b", "ä", "x" * 65])
def test_a_topic_that_is_none_is_refused(topic: str) -> None:
    with pytest.raises(ValidationError):
        ntfy.Spec.model_validate({"kind": "ntfy", "topic": topic})


@pytest.mark.parametrize("url", ["https://user:pass@ntfy.example", "ntfy.example", "https://n.example/a b"])
def test_a_public_url_holds_no_credentials(url: str) -> None:
    with pytest.raises(ValidationError, match="without credentials"):
        ntfy.Spec.model_validate({"kind": "ntfy", "topic": "t", "url": url})


def test_a_refusal_at_discord_for_other_reasons_is_permanent(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=403, json={"code": 50013}, is_reusable=True)
    assert isinstance(fault(http_sender("discord"), RESOLVE, "41"), Permanent)
    assert discord.payload(TRIGGER)["embeds"]
