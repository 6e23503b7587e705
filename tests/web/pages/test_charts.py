"""Bars, sparklines and charts as what they are made of: figures in, paths out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.history import Bucket, Day, Span, Stretch, Uptime
from prober.web.making import percent, took, web_link
from prober.web.pages.bars import bars, bars_label, letters, sparkline, together
from prober.web.pages.charts import HEIGHT, WIDTH, chart


def day(state: Stretch, spent_s: float = 86_400.0) -> Day:
    return Day("2026-12-24", Uptime(0, 86_400, {state: spent_s}, 10, 9))


def test_a_good_quarter_is_one_line_and_a_bad_day_interrupts_it() -> None:
    assert bars("u" * 90, "fine").count("<path") == 1
    code = "u" * 40 + "d" + "u" * 49
    svg = bars(code, "<one> bad day")
    assert 'class="d" d="M160 10h3"' in svg
    assert 'class="u" d="M0 13h159M164 13h195"' in svg
    assert "<title>&lt;one&gt; bad day</title>" in svg


@given(st.text("ugdkmn", min_size=1, max_size=120))
def test_every_day_has_its_place_and_no_two_the_same(code: str) -> None:
    places = []
    for letter, path in re.findall(r'<path class="(\w)" d="([^"]+)"', bars(code, "x")):
        for at, length in re.findall(r"M(\d+) [\d.]+h(\d+)", path):
            first, count = int(at) // 4, (int(length) + 1) // 4
            assert code[first : first + count] == letter * count
            places += range(first, first + count)
    assert sorted(places) == list(range(len(code)))


def test_the_words_of_bars_name_what_was_not_well() -> None:
    days = [day(Stretch.UP), day(Stretch.DOWN, 60.0), day(Stretch.NO_DATA)]
    code = letters(days)
    assert code == "udn"
    uptime = together([one.uptime for one in days])
    assert (uptime.runs, uptime.good) == (30, 27)
    assert bars_label(code, uptime) == "3 days: 99.93 % up; downtime on 1 day, no data on 1 day"


def bucket(start: float, p50: float | None, **phases: float) -> Bucket:
    return Bucket(start, 10, 5 if p50 else 0, 5 if p50 else 0, p50, p50 and p50 * 2, None, phases)


def test_a_sparkline_breaks_where_nothing_ran() -> None:
    line = sparkline([bucket(0, 0.1), bucket(10, 0.2), bucket(20, None), bucket(30, 0.1)], "x")
    (slow, middle) = re.findall(r' d="([^"]+)"', line)
    assert (middle.count("M"), slow.count("M")) == (2, 2)
    assert sparkline([bucket(0, None)], "x") == ""
    assert sparkline([], "x") == ""


def test_phases_stand_on_one_another_and_the_quantiles_over_them() -> None:
    found = chart([bucket(0, 0.3, connect=0.1, tls=0.2, total=0.3)], [], 0, 10)
    assert [name for name, _ in found.phases] == ["connect", "tls"]
    (_, connect), (_, tls) = found.phases
    assert found.levels[-1] == (0.0, 0.8)
    assert connect == "M0.0 175.0L500.0 175.0L1000.0 175.0L1000.0 200.0L500.0 200.0L0.0 200.0Z"
    assert (tls[:10], tls[-10:]) == ("M0.0 125.0", "0.0 175.0Z")
    assert found.p50 == "M0.0 125.0L500.0 125.0L1000.0 125.0"


def test_short_downtime_is_drawn_wide_enough_to_be_seen() -> None:
    spans = [Span(Stretch.UP, 0, 50_000), Span(Stretch.DOWN, 50_000, 50_010), Span(Stretch.UP, 50_010, 100_000)]
    strip = chart([], spans, 0, 100_000).strip
    assert [letter for letter, _, _ in strip] == ["u", "d", "u"]
    assert strip[1][2] == 3.0


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=1, max_size=60),
    st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(0, 1e5)), max_size=5),
)
def test_nothing_is_drawn_outside(values: list[float | None], lasting: list[tuple[float, float]]) -> None:
    buckets = [bucket(index * 10.0, value, connect=value or 0.0) for index, value in enumerate(values)]
    until = len(values) * 10.0
    incidents = [(start, start + length, "x") for start, length in lasting]
    found = chart(buckets, [], 0, until, incidents, [(start, "z") for start, _ in lasting])
    for path in (found.p50, found.p95, *(path for _, path in found.phases)):
        for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path):
            assert 0 <= float(x) <= WIDTH
            assert -0.1 <= float(y) <= HEIGHT
    for mark in (*found.incidents, *found.markers):
        assert 0 <= mark.at <= 100


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "–"), (1.0, "100 %"), (0.999999, "99.999 %"), (0.9995, "99.95 %"), (0.99995, "99.995 %"), (0.0, "0.00 %")],
)
def test_what_is_not_all_is_never_called_all(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.0341, "34.1 ms"), (1.25, "1.25 s"), (0.9999, "1 s"), (75, "1m15s")]
)
def test_durations_have_three_digits(seconds: float | None, text: str) -> None:
    assert took(seconds) == text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "", None, "http://[", "ftp://x"]
)
def test_a_browser_is_sent_nowhere_but_to_the_web(address: str | None) -> None:
    assert web_link(address) == ""
    assert web_link("https://wiki.example/x") == "https://wiki.example/x"
