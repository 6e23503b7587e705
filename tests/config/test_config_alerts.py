"""Hours, maintenance and routes as the file says them, over midnights and changes of the clock."""

from datetime import UTC, datetime

import pytest
from fakes.alerts import check
from pydantic import ValidationError

from prober.config import Hours, Maintenance, Route
from prober.model import Severity


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2026-11-25T07:59", False),  # a Wednesday; Berlin is an hour ahead
        ("2026-11-25T08:00", True),
        ("2026-11-25T16:59", True),
        ("2026-11-25T17:00", False),
        ("2026-11-28T12:00", False),
        ("2026-07-01T06:59", False),  # two hours ahead in summer
        ("2026-07-01T07:00", True),
    ],
)
def test_working_hours_are_those_of_their_time_zone(moment: str, within: bool) -> None:
    days = ["mon", "tue", "wed", "thu", "fri"]
    hours = Hours.model_validate({"days": days, "start": "09:00", "end": "18:00", "timezone": "Europe/Berlin"})
    assert hours.include(at(moment)) is within


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2026-11-27T21:59", False),
        ("2026-11-27T22:00", True),
        ("2026-11-28T05:59", True),
        ("2026-11-28T06:00", False),
        ("2026-11-28T23:00", False),
    ],
)
def test_hours_over_midnight_belong_to_the_day_they_begin_on(moment: str, within: bool) -> None:
    night = Hours.model_validate({"days": "fri", "start": "22:00", "end": "06:00"})
    assert night.include(at(moment)) is within


def test_a_window_once_is_in_its_own_time_zone_unless_it_says_another() -> None:
    berlin = Maintenance(start="2026-12-24T22:00", end="2026-12-24T23:00", timezone="Europe/Berlin")
    utc = Maintenance(start="2026-12-24T22:00Z", end="2026-12-24T23:00Z", timezone="Europe/Berlin")
    assert [berlin.active(at(f"2026-12-24T{time}")) for time in ("20:59", "21:00", "21:59", "22:00")] == [
        False,
        True,
        True,
        False,
    ]
    assert utc.active(at("2026-12-24T22:00"))


def test_a_window_by_cron_lasts_as_long_also_over_a_change_of_the_clock() -> None:
    # In Berlin the clock goes from 03:00 back to 02:00 on 25 October 2026, at 01:00 UTC.
    window = Maintenance.model_validate({"schedule": "30 1 * * sun", "duration": "2h", "timezone": "Europe/Berlin"})
    moments = ("2026-10-24T23:29", "2026-10-24T23:30", "2026-10-25T01:29", "2026-10-25T01:30")
    assert [window.active(at(moment)) for moment in moments] == [False, True, True, False]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"start": "2026-12-24T22:00"},
        {"schedule": "0 4 * * tue"},
        {"start": "2026-12-24T22:00", "end": "2026-12-24T21:00"},
        {"start": "2026-12-24T22:00", "end": "2026-12-24T23:00", "schedule": "0 4 * * tue", "duration": "1h"},
        {"start": "tomorrow", "end": "2026-12-24T23:00"},
        {"schedule": "0 4 * * 2", "duration": "1h"},
    ],
)
def test_a_window_that_is_none_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Maintenance.model_validate(values)


def test_a_route_takes_what_fits_all_it_says() -> None:
    route = Route.model_validate(
        {"channels": "ops", "checks": ["check*"], "tags": "shop", "severity": "critical", "regions": ["eu", "us"]}
    )
    fitting = check("checkout", tags=("shop",))
    assert route.takes(fitting, Severity.CRITICAL, ("us", "ap"), 0.0)
    assert not route.takes(fitting, Severity.CRITICAL, ("ap",), 0.0)
    assert not route.takes(fitting, Severity.WARNING, ("us",), 0.0)
    assert not route.takes(check("checkout"), Severity.CRITICAL, ("us",), 0.0)
    assert not route.takes(check("cart", tags=("shop",)), Severity.CRITICAL, ("us",), 0.0)


def test_a_route_names_every_channel_it_may_lead_to() -> None:
    route = Route.model_validate(
        {"channels": "a", "fallback": "b", "escalate": [{"after": "5m", "channels": ["c", "a"]}], "continue": False}
    )
    assert (route.leads_to(), route.go_on) == (("a", "c", "b"), False)
