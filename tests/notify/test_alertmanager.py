"""Alertmanager: a real one, and peers that fail."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fakes.alertmanager import Alertmanager, alertmanager
from fakes.alerts import AT, REMINDER, RESOLVE, TRIGGER, UPDATE
from fakes.channels import fault, open_sender, send
from fakes.receiver import Answer, receiver
from pydantic import ValidationError

from prober.clock import MovedClock, SystemClock, iso
from prober.faults import Permanent, Retryable
from prober.model import Condition, Notice
from prober.notify import Repeating
from prober.notify import alertmanager as channel
from prober.notify._alerts import fingerprint, labels


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as running:
        yield running


def sender(*urls: str, **more: Any) -> Any:
    return open_sender({"kind": "alertmanager", "urls": list(urls), **more}, SystemClock())


def firing(real: Alertmanager, check: str) -> list[dict[str, Any]]:
    return [alert for alert in real.alerts() if alert["labels"]["check"] == check]


def test_a_real_alertmanager_holds_one_alert_from_trigger_to_resolve(real: Alertmanager) -> None:
    told = [replace(notice, check_id="shop") for notice in (TRIGGER, REMINDER, RESOLVE)]
    for notice in told[:2]:
        send(sender(real.url, labels={"team": "tickets"}), notice)
        (alert,) = firing(real, "shop")
        assert alert["labels"] == {
            "alertname": "ProberCheckDown",
            "check": "shop",
            "region": "eu-west-1",
            "severity": "critical",
            "team": "tickets",
        }
        assert alert["startsAt"] == iso(AT)
        assert alert["annotations"]["description"].startswith("status 503, expected 200-299")
        assert alert["annotations"]["runbook_url"] == TRIGGER.runbook
    assert alert["annotations"]["summary"] == "Still down for 2h: The storefront"
    send(sender(real.url, labels={"team": "tickets"}), told[2])
    assert firing(real, "shop") == []


def test_our_fingerprint_is_alertmanagers_own(real: Alertmanager) -> None:
    odd = replace(TRIGGER, check_id="odd", title="Odd", region="Zürich ünd \N{PILE OF POO}")
    send(sender(real.url), odd)
    assert firing(real, "odd")[0]["fingerprint"] == fingerprint(labels(odd, {}))


def test_all_that_stands_is_told_again_in_few_requests(real: Alertmanager) -> None:
    standing = [replace(TRIGGER, check_id=f"many-{number}") for number in range(150)]
    again = sender(real.url)
    assert isinstance(again, Repeating)
    assert (again.repeat_every_s, again.repeat_resolved_s) == (60.0, 300.0)

    async def main() -> None:
        await again.repeat(standing)
        await again.repeat([replace(notice, kind=RESOLVE.kind) for notice in standing[1:]])
        await again.close()

    asyncio.run(main())
    assert [alert["labels"]["check"] for alert in real.alerts() if "many" in alert["labels"]["check"]] == ["many-0"]


def test_a_firing_alert_ends_four_minutes_after_it_was_told_last() -> None:
    clock = MovedClock(AT + 3_600.0)
    with receiver() as service:
        sender = open_sender({"kind": "alertmanager", "urls": service.url}, clock)
        send(sender, TRIGGER)
        clock.advance(60.0)
        send(sender, TRIGGER)
        assert [one.body[0]["endsAt"] for one in service.posted] == [iso(AT + 3_840.0), iso(AT + 3_900.0)]
        assert service.posted[0].path == "/api/v2/alerts"


def test_every_peer_is_told_and_one_that_takes_it_is_enough() -> None:
    with receiver() as one, receiver() as other:
        one.always = Answer(503, b"starting")
        receipt = send(sender(one.url, f"{other.url}/prefix/"))
        assert len(one.posted) == len(other.posted) == 1
        assert other.posted[0].path == "/prefix/api/v2/alerts"
        assert receipt.detail == f"not taken by {one.url.removeprefix('http://')} answered 503: starting"


def test_peers_that_may_all_come_back_are_waited_for() -> None:
    with receiver() as one, receiver() as other:
        one.always, other.always = Answer(503, b"", {"Retry-After": "9"}), Answer(400, b"bad")
        assert isinstance(found := fault(sender(one.url, other.url)), Retryable)
        assert found.after_s == 9.0
        assert one.url.removeprefix("http://") in str(found)


def test_what_every_peer_refuses_is_permanent() -> None:
    with receiver() as one, receiver() as other:
        one.always = other.always = Answer(400, b"bad")
        assert isinstance(fault(sender(one.url, other.url)), Permanent)


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"bearer_token": "canary"}, "Bearer canary"),
        ({"username": "prober", "password": "canary"}, "Basic cHJvYmVyOmNhbmFyeQ=="),
    ],
)
def test_it_logs_in_and_shows_nothing_of_it(settings: dict[str, str], header: str) -> None:
    with receiver() as service:
        send(sender(service.url, **settings))
        assert service.posted[0].headers["Authorization"] == header
        service.always = Answer(401, f"not {header}, canary".encode())
        assert "***" in str(fault(sender(service.url, **settings)))


@pytest.mark.parametrize(
    "settings", [{"username": "a"}, {"password": "a"}, {"username": "a", "password": "b", "bearer_token": "c"}]
)
def test_half_a_login_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give username and password, or bearer_token"):
        sender("http://127.0.0.1:9093", **settings)


@pytest.mark.parametrize("later", [UPDATE, REMINDER, RESOLVE, replace(RESOLVE, message="else", reason="else")])
def test_nothing_that_changes_is_in_the_identity(later: Notice) -> None:
    # A check either has several regions or has not, from an incident's begin to its end.
    first = replace(TRIGGER, regions_down=later.regions_down, regions_up=later.regions_up)
    assert labels(later, {}) == labels(first, {})
    assert labels(replace(UPDATE, region="elsewhere"), {}) == labels(UPDATE, {})


def test_each_condition_has_an_alert_of_its_own_and_tests_are_marked() -> None:
    names = {labels(replace(TRIGGER, condition=condition), {})["alertname"] for condition in Condition}
    assert len(names) == len(Condition)
    assert labels(replace(TRIGGER, test=True), {})["test"] == "true"


def test_a_clock_that_went_back_makes_no_alert_that_ends_before_it_begins() -> None:
    odd = channel.alert(replace(RESOLVE, at=AT - 60.0), AT, {})
    assert odd["endsAt"] == odd["startsAt"]
