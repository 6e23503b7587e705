"""PagerDuty: one alert an incident."""

from dataclasses import replace

import pytest
from fakes.alerts import REMINDER, RESOLVE, TRIGGER, UPDATE
from fakes.channels import fault, http_sender, open_sender, send
from pytest_httpx import HTTPXMock

from prober.faults import Retryable
from prober.notify import pagerduty


def test_trigger_update_and_reminder_are_one_alert_which_the_resolve_ends() -> None:
    events = [pagerduty.payload(notice) for notice in (TRIGGER, UPDATE, REMINDER, RESOLVE)]
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "trigger", "resolve"]
    assert {event["dedup_key"] for event in events} == {"storefront/5f2b"}


def test_a_key_that_is_too_long_stays_the_same_from_trigger_to_resolve() -> None:
    keys = {pagerduty.payload(replace(notice, incident_id="x" * 400))["dedup_key"] for notice in (TRIGGER, RESOLVE)}
    assert len(keys) == 1
    assert len(keys.pop()) <= 255


@pytest.mark.parametrize(
    ("severity", "told"), [("critical", "critical"), ("warning", "warning"), ("info", "info"), ("odd", "error")]
)
def test_severities_are_pagerdutys(severity: str, told: str) -> None:
    assert pagerduty.payload(replace(TRIGGER, severity=severity))["payload"]["severity"] == told


def test_a_test_wakes_nobody() -> None:
    event = pagerduty.payload(replace(TRIGGER, test=True))["payload"]
    assert (event["severity"], event["summary"][:6]) == ("info", "[test]")


def test_the_way_back_is_in_the_body() -> None:
    assert pagerduty.payload(UPDATE)["client_url"] == "https://status.example/i/5f2b?ack"
    assert pagerduty.payload(UPDATE, "https://status.example")["client_url"] == "https://status.example"
    assert pagerduty.payload(TRIGGER)["client"] == "prober"


def test_only_pictures_over_tls_are_images() -> None:
    evidence = (("screenshot", "http://status.example/1.png"), ("har", "https://status.example/1.har"))
    assert pagerduty.payload(replace(UPDATE, evidence=evidence))["images"] == []
    assert pagerduty.payload(UPDATE)["images"][0]["src"] == "https://status.example/e/1.png"


@pytest.mark.parametrize(
    ("region", "url"),
    [("us", "https://events.pagerduty.com/v2/enqueue"), ("eu", "https://events.eu.pagerduty.com/v2/enqueue")],
)
def test_events_go_to_the_accounts_region(region: str, url: str, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=url, status_code=202)
    receipt = send(open_sender({"kind": "pagerduty", "routing_key": "k" * 32, "region": region}))
    assert (receipt.status, receipt.reference) == (202, "storefront/5f2b")


def test_too_many_events_wait_a_minute_where_pagerduty_does_not_say(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=429)
    assert isinstance(found := fault(http_sender("pagerduty")), Retryable)
    assert found.after_s == 60.0
