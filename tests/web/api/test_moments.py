"""Moments as programs write them."""

import pytest

from prober.web.api.models import LATEST, parse_moment, shown_moment


@pytest.mark.parametrize(
    ("text", "wall"),
    [
        ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("2023-11-14t22:13:20.250z", 1_700_000_000.25),
        ("2023-11-15T00:13:20+02:00", 1_700_000_000.0),
        ("2023-11-15T00:13:20 02:00", 1_700_000_000.0),  # a plus that was not encoded
        ("2023-11-14T20:43:20-01:30", 1_700_000_000.0),
        ("2016-12-31T23:59:60Z", 1_483_228_800.0),  # a leap second
        ("0000-01-01T00:00:00Z", 0.0),
        ("9999-12-31T23:59:59-23:59", LATEST),
    ],
)
def test_a_moment_is_read_as_rfc_3339_has_it(text: str, wall: float) -> None:
    assert parse_moment(text) == wall


@pytest.mark.parametrize(
    "text",
    ["", "now", "2023-11-14", "2023-11-14T22:13:20", "1700000000", "2023-02-30T00:00:00Z", "٢٠٢٣-11-14T22:13:20Z"],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="moment"):
        parse_moment(text)


def test_a_moment_that_no_calendar_has_is_not_shown() -> None:
    assert [shown_moment(wall) for wall in (None, -1.0, 1e12)] == [None, None, None]
    assert shown_moment(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"
