import json
from typing import Any

import pytest
from pydantic import ValidationError

from prober.judge import BrowserExpect, HttpExpect, TlsExpect, judge
from prober.model import Certificate, Failure, Judgement, Navigation, Observation, Reason, Step, Verdict

NOW = 1_700_000_000.0
DAY = 86_400.0


def answer(
    status: int = 200, body: object = b"", headers: tuple[tuple[str, str], ...] = (), **facts: Any
) -> Observation:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Observation(0.2, phases={"processing": 0.15}, facts={"status": status, **facts}, body=text, headers=headers)


def judged(expect: dict[str, Any], seen: Observation) -> Judgement:
    return judge(seen, HttpExpect.model_validate(expect), NOW)


def test_without_expectations_a_status_of_200_to_399_is_up() -> None:
    assert [judged({}, answer(status)).verdict for status in (200, 304, 399)] == [Verdict.UP] * 3
    assert judged({}, answer(404)).reason is Reason.STATUS


@pytest.mark.parametrize(
    ("wanted", "status", "holds"),
    [
        (200, 200, True),
        (200, 201, False),
        ("200-299", 299, True),
        ([200, "400-404"], 404, True),
        ([200, 404], 403, False),
    ],
)
def test_a_status_is_held_against_codes_and_ranges(wanted: Any, status: int, holds: bool) -> None:
    assert (judged({"status": wanted}, answer(status)).verdict is Verdict.UP) is holds


def test_a_body_is_searched_for_every_text() -> None:
    expect = {"body": {"contains": ["Tickets", "Oslo"], "not_contains": "Error"}}
    assert judged(expect, answer(body=b"Tickets for Oslo")).verdict is Verdict.UP
    broken = judged(expect, answer(body=b"Tickets for Bergen"))
    assert (broken.verdict, broken.reason) == (Verdict.DOWN, Reason.BODY)
    assert "to contain 'Oslo'" in broken.message
    assert "Bergen" in broken.message


def test_a_pattern_that_would_stall_a_backtracking_engine_does_not() -> None:
    assert judged({"body": {"matches": "(a+)+$"}}, answer(body=b"a" * 40_000 + b"!")).verdict is Verdict.DOWN


def test_a_pattern_re2_cannot_run_is_a_mistake_of_the_config() -> None:
    with pytest.raises(ValidationError, match="RE2"):
        HttpExpect.model_validate({"body": {"matches": "(?=x)"}})


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"status": "ok"}, True),
        ({"status": "bad"}, False),
        ({"services.database": "connected"}, True),
        ({"services.missing": "connected"}, False),
        ({"services.missing": {"ne": "disconnected"}}, False),
        ({"count": 3}, True),
        ({"count": "3"}, False),
        ({"count": {"gte": 3, "lt": 4}}, True),
        ({"count": {"gt": 3}}, False),
        ({"status": {"gt": 3}}, False),
        ({"flag": True}, True),
        ({"flag": 1}, False),
        ({"one": True}, False),
        ({"length(events)": {"gte": 2}}, True),
        ({"events": {"contains": "b"}}, True),
        ({"status": {"one_of": ["ok", "fine"]}}, True),
        ({"status": {"matches": "^o"}}, True),
        ({"length(count)": 1}, False),
    ],
)
def test_json_is_compared_without_coercion_and_a_missing_path_never_passes(rule: dict[str, Any], holds: bool) -> None:
    body = {
        "status": "ok",
        "services": {"database": "connected"},
        "count": 3,
        "flag": True,
        "one": 1,
        "events": ["a", "b"],
    }
    result = judged({"json": rule}, answer(body=body))
    assert (result.verdict is Verdict.UP) is holds
    assert result.reason is (Reason.OK if holds else Reason.JSON)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"[NaN]", b"[" * 100_000], ids=["empty", "html", "cut", "NaN", "deep"]
)
def test_a_body_that_is_no_json_breaks_every_json_expectation(body: bytes) -> None:
    assert judged({"json": {"a": 1}}, answer(body=body)).reason is Reason.JSON


def test_a_header_sent_twice_passes_when_one_value_does() -> None:
    headers = (("Set-Cookie", "a=1"), ("set-cookie", "session=2; Secure"))
    expect = {"header": {"Set-Cookie": {"contains": "Secure"}}}
    assert judged(expect, answer(headers=headers)).verdict is Verdict.UP
    assert judged({"header": {"X-Missing": "x"}}, answer(headers=headers)).reason is Reason.HEADER


def test_slow_is_degraded_and_slower_is_down() -> None:
    assert judged({"degraded_over": "100ms"}, answer()).verdict is Verdict.DEGRADED
    assert judged({"degraded_over": "50ms", "down_over": "100ms"}, answer()).verdict is Verdict.DOWN
    assert judged({"phases": {"processing": {"down_over": "100ms"}}}, answer()).reason is Reason.LATENCY
    assert judged({"phases": {"tls": {"down_over": "1ms"}}}, answer()).verdict is Verdict.UP


def test_a_certificate_under_two_weeks_is_degraded_by_default() -> None:
    def seen(days: float) -> Observation:
        certificate = Certificate("CN=a", "CN=b", ("a",), "01", "00", NOW - DAY, NOW + days * DAY)
        return Observation(0.1, facts={"tls_version": "TLS 1.3"}, certificates=(certificate,))

    assert judge(seen(15), TlsExpect(), NOW).verdict is Verdict.UP
    assert judge(seen(13), TlsExpect(), NOW).reason is Reason.CERTIFICATE
    assert judge(seen(13), TlsExpect(), NOW).verdict is Verdict.DEGRADED
    assert judge(seen(1), TlsExpect.model_validate({"certificate": {"down_under": "2d"}}), NOW).verdict is Verdict.DOWN
    assert judge(seen(30), TlsExpect(tls_version="1.2"), NOW).verdict is Verdict.UP


def test_an_old_tls_version_is_down() -> None:
    seen = Observation(0.1, facts={"tls_version": "TLS 1.1"})
    assert judge(seen, TlsExpect(tls_version="1.2"), NOW).reason is Reason.TLS_VERSION


def test_a_failure_to_measure_outweighs_every_expectation() -> None:
    seen = Observation(0.1, failure=Failure(Reason.CONNECT_REFUSED, "connection refused by 127.0.0.1:1"))
    result = judge(seen, HttpExpect(), NOW)
    assert (result.verdict, result.reason) == (Verdict.DOWN, Reason.CONNECT_REFUSED)
    assert (
        judge(Observation(0.1, failure=Failure(Reason.NO_BROWSER, "none")), HttpExpect(), NOW).verdict
        is Verdict.UNKNOWN
    )


def test_every_outcome_is_kept_with_what_was_seen() -> None:
    result = judged({"status": 200, "json": {"a": 1, "b": 2}}, answer(body={"a": 1, "b": 3}))
    assert [(o.expectation, o.verdict, o.seen) for o in result.outcomes] == [
        ("status", Verdict.UP, "200"),
        ("json a", Verdict.UP, "1"),
        ("json b", Verdict.DOWN, "3"),
    ]


def journey_seen() -> Observation:
    page = Navigation("hard", "http://shop/", lcp_s=3.0, lcp_element="img", cls=0.3)
    return Observation(2.0, steps=(Step("Open", Verdict.UP, 1.5, navigations=(page,)), Step("Pay", Verdict.UP, 0.5)))


@pytest.mark.parametrize(
    ("budgets", "broken"),
    [
        ({"lcp": "2.5s"}, True),
        ({"lcp": "3.5s"}, False),
        ({"cls": 0.1}, True),
        ({"inp": "200ms"}, False),
        ({"step:Open": "1s"}, True),
        ({"step:Pay": "1s"}, False),
    ],
)
def test_a_broken_budget_is_degraded_and_down_when_enforced(budgets: dict[str, Any], broken: bool) -> None:
    gentle = judge(journey_seen(), BrowserExpect(budgets=budgets), NOW)
    strict = judge(journey_seen(), BrowserExpect(budgets=budgets, enforce=True), NOW)
    assert gentle.verdict is (Verdict.DEGRADED if broken else Verdict.UP)
    assert strict.verdict is (Verdict.DOWN if broken else Verdict.UP)
    assert gentle.reason is (Reason.BUDGET if broken else Reason.OK)


def test_a_broken_budget_names_the_page_and_the_element() -> None:
    message = judge(journey_seen(), BrowserExpect(budgets={"lcp": "2.5s"}), NOW).message
    assert message == "budget lcp: expected at most 2.5s, saw 3.000s (Open: http://shop/, img)"


@pytest.mark.parametrize("budgets", [{"lcp": 2.5}, {"cls": "0.1"}, {"fast": "1s"}, {"lcp": "soon"}])
def test_a_budget_that_cannot_be_read_is_a_mistake_of_the_config(budgets: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BrowserExpect(budgets=budgets)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("contains(name, id)", {"name": "x", "id": 5}),
        ("ceil(price)", b'{"price": 1e400}'),
        ("avg(prices)", b'{"prices": [%s]}' % (b"9" * 400)),
        ("sort_by(rows, &a)", {"rows": [{"a": 1}, {"a": "b"}]}),
    ],
)
def test_a_document_that_breaks_a_json_function_is_down_not_silence(path: str, body: object) -> None:
    assert judged({"json": {path: True}}, answer(body=body)).reason is Reason.JSON


def test_what_must_not_occur_cannot_be_told_of_a_body_that_was_cut() -> None:
    assert judged({"body": {"not_contains": "Error"}}, answer(body=b"fine", truncated=True)).reason is Reason.BODY
    assert judged({"body": {"contains": "fine"}}, answer(body=b"fine", truncated=True)).verdict is Verdict.UP
