"""Cron expressions and time zones."""

import pytest

from prober.config.calendar import cron_error, zone_error


@pytest.mark.parametrize(
    "expression", ["0 7 * * MON-FRI", "*/5 * * * *", "0 0 29 2 *", "0 0 last * *", "0 0 31 1,2 *", "0 6 * * sat,sun"]
)
def test_a_schedule_that_comes_due_is_accepted(expression: str) -> None:
    assert cron_error(expression) is None


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 2,4,6 *"])
def test_a_schedule_that_never_comes_due_is_told(expression: str) -> None:
    assert str(cron_error(expression)).startswith("never comes due")


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "* * * * * *", "60 * * * *", "*/0 * * * *", "a * * * *", "@daily"]
)
def test_what_is_no_cron_expression_is_told(expression: str) -> None:
    assert cron_error(expression) is not None


@pytest.mark.parametrize("weekday", ["0", "1-5", "mon,3", "7", "*/2"])
def test_numbers_of_weekdays_are_refused_since_crons_differ_in_them(weekday: str) -> None:
    error = cron_error(f"0 7 * * {weekday}")
    assert (error is None) == (weekday == "*/2")


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
def test_zones_of_the_database_are_known(name: str) -> None:
    assert zone_error(name) is None


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "America", "\0", "a" * 5000]
)
def test_what_is_no_zone_is_told_and_nothing_else_happens(name: str) -> None:
    assert zone_error(name) is not None
