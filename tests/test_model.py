import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prober.model import Check, Reason, format_duration, format_lasting, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("900ms", 0.9),
        ("5s", 5),
        ("1.5s", 1.5),
        ("1m", 60),
        ("1m30s", 90),
        ("2h", 7200),
        ("14d", 1_209_600),
        ("1h1ms", 3600.001),
    ],
)
def test_a_duration_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0ms"), (-5, "0ms"), (59.6, "1m"), (725.4, "12m5s"), (12_029, "3h20m"), (405_525, "4d17h"), (86_400, "1d")],
)
def test_how_long_something_lasts_is_told_in_two_units(seconds: float, text: str) -> None:
    assert format_lasting(seconds) == text


@pytest.mark.parametrize("text", ["", "5", 5, True, None, "s", "5 s", "1s1m", "-1s", "1e3s", "infs", "٣s"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="duration with a unit"):
        parse_duration(text)


@given(st.integers(1, 10_000_000))
def test_a_whole_number_of_seconds_survives_being_written_and_read(seconds: int) -> None:
    assert parse_duration(format_duration(float(seconds))) == seconds


def test_a_timeout_over_the_interval_is_refused() -> None:
    with pytest.raises(ValidationError, match="timeout 2s exceeds interval 1s"):
        Check(id="x", kind="http", interval="1s", timeout="2s")


def test_a_check_on_a_cron_has_no_interval_to_exceed() -> None:
    assert Check(id="x", kind="http", schedule="0 7 * * MON", timeout="1m").timeout == 60


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "a" * 101, "x\n", "ü"])
def test_an_id_that_could_surprise_a_path_or_a_label_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Check(id=name, kind="http")


def test_a_reason_knows_whether_the_prober_is_to_blame() -> None:
    assert Reason.NO_BROWSER.ours
    assert not Reason.CONNECT_REFUSED.ours
