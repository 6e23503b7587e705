"""The generic webhook: its schema, its signature, and the shape of Alertmanager's."""

import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from fakes.alerts import RESOLVE, TRIGGER, UPDATE
from fakes.channels import CLOCK, http_sender, open_sender, send
from pydantic import ValidationError
from pytest_httpx import HTTPXMock

from prober.notify import Receipt, webhook

KEYS_OF_VERSION_1 = {
    "version",
    "id",
    "kind",
    "status",
    "incident",
    "dedup_key",
    "check",
    "title",
    "region",
    "target",
    "severity",
    "reason",
    "message",
    "since",
    "at",
    "duration_s",
    "failures",
    "expectations",
    "tags",
    "runbook",
    "evidence",
}


def test_a_webhook_gets_the_idempotency_key_and_the_headers_it_asked_for(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=202)
    assert send(http_sender("webhook")) == Receipt(202, "")
    (request,) = httpx_mock.get_requests()
    assert request.headers["idempotency-key"] == TRIGGER.id
    assert request.headers["authorization"] == "Bearer canary"
    assert "x-prober-signature" not in request.headers


def test_a_signing_key_signs_the_time_and_the_very_bytes(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response()
    send(http_sender("webhook-alertmanager"))
    (request,) = httpx_mock.get_requests()
    timestamp = request.headers["x-prober-timestamp"]
    assert timestamp == str(int(CLOCK.wall()))
    signed = hmac.new(b"canary-signing-key", timestamp.encode() + b"." + request.content, hashlib.sha256).hexdigest()
    assert request.headers["x-prober-signature"] == f"v1={signed}"


def test_keys_of_a_schema_version_are_only_ever_added() -> None:
    assert webhook.payload(TRIGGER).keys() >= KEYS_OF_VERSION_1
    assert webhook.payload(TRIGGER)["version"] == 1


def test_the_shape_of_alertmanager_says_firing_and_resolved_with_one_identity() -> None:
    fired, over = (webhook.alertmanager_payload(notice) for notice in (TRIGGER, RESOLVE))
    assert (fired["version"], fired["status"], over["status"]) == ("4", "firing", "resolved")
    assert fired["groupKey"] == over["groupKey"]
    assert fired["alerts"][0]["fingerprint"] == over["alerts"][0]["fingerprint"]
    assert fired["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert over["alerts"][0]["endsAt"] == "2023-11-14T22:18:20.000Z"


def test_texts_go_as_they_are_since_a_program_reads_them(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response()
    send(http_sender("webhook"), replace(TRIGGER, message="bad \udcff byte, <b>\u202e"))
    assert json.loads(httpx_mock.get_requests()[0].content)["message"] == "bad ? byte, <b>\u202e"


def test_everything_a_notice_holds_is_in_it() -> None:
    told = webhook.payload(UPDATE)
    assert told["actions"][0] == {"label": "Acknowledge", "url": "https://status.example/i/5f2b?ack"}
    assert told["members"][0] == {"check": "events-api", "title": "The events", "message": "status 503"}
    assert (told["condition"], told["regions_down"], told["test"]) == ("down", ["eu-west-1", "us-east-1"], False)


def test_a_path_and_a_query_of_the_url_are_secrets_too(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=201, text="hello /hook/canary and t=canary-two and p%40ss p@ss-word")
    url = "https://user:p%40ss-word@service.example/hook/canary?t=canary-two"
    receipt = send(open_sender({"kind": "webhook", "url": url}))
    assert receipt.detail == "hello *** and *** and p%40ss ***"


@pytest.mark.parametrize("headers", [{"X-A": "a\r\nX-B: b"}, {"X A": "a"}, {"X-A": "ä"}])
def test_a_header_that_would_break_the_request_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        webhook.Spec.model_validate({"kind": "webhook", "url": "http://127.0.0.1:5001/", "headers": headers})
