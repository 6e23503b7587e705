"""Two runs held against each other: what is found to be different, and in which order."""

from typing import Any

import pytest
from fakes.kept_runs import asked, page, run, said, step

from prober.model import Verdict
from prober.web.runs.alike import place
from prober.web.runs.compare import Shots, compare
from prober.web.runs.kept import Picture

GOOD = run("good", [step("Browse", 0.5), step("Pay", 1.0), step("Confirm", 0.4)], evidence={})


def failing(*steps: dict[str, Any], **more: Any) -> Any:
    return run("bad", steps, verdict=Verdict.DOWN, **more)


def told(there: Any, here: Any) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in compare(there, here).differences]


def test_the_first_step_that_fails_is_the_first_difference_and_says_how_it_went_there() -> None:
    (only,) = compare(GOOD, failing(step("Browse"), step("Pay", 2.0, "down", "declined"), evidence={})).differences
    assert (only.kind, only.text, only.detail) == (
        "step",
        "Pay failed after 2 s; it passed there in 1 s.",
        "declined",
    )
    assert only.at_s == 2.5


def test_a_request_that_was_refused_on_the_way_comes_before_the_step_that_failed_by_it() -> None:
    good = run("good", [step("Pay", 1.0)], evidence={"requests": [asked("/api/orders", method="POST", status=201)]})
    refused = asked("/api/orders", 0.2, 402, method="POST")
    bad = failing(step("Pay", 2.0, "down", "declined"), evidence={"requests": [refused], "console": [said("402", 0.4)]})
    first, *rest = compare(good, bad).differences
    assert first.text == "POST shop.example/api/orders answered 402"
    assert first.detail == "It answered 201 in 100 ms there."
    assert (first.step, round(first.at_s, 3)) == ("Pay", 0.3)
    assert [one.kind for one in rest] == ["console", "step"]


def test_what_failed_there_too_is_no_difference() -> None:
    same = {
        "requests": [asked("/beacon?n=1", status=500)],
        "console": [said("no beacon at 17:03")],
        "page_errors": ["x"],
    }
    other = {
        "requests": [asked("/beacon?n=2", status=502)],
        "console": [said("no beacon at 18:04")],
        "page_errors": ["x"],
    }
    assert told(run("a", [step("Browse")], evidence=same), run("b", [step("Browse")], evidence=other)) == []


def test_ids_in_addresses_do_not_make_them_others() -> None:
    assert place("https://shop.example/orders/8841/tickets/0123abcd-ff") == "/orders/*/tickets/*-ff"
    assert place("https://shop.example/orders/EC-FKCNEIBC?token=x") == "/orders/EC-*"
    good = run("a", [step("Pay")], evidence={"requests": [asked("/orders/17")]})
    (only,) = compare(good, failing(step("Pay"), evidence={"requests": [asked("/orders/18", status=500)]})).differences
    assert only.detail == "It answered 200 in 100 ms there."


def test_a_request_without_an_answer_is_told_where_it_had_one() -> None:
    good = run("a", [step("Pay")], evidence={"requests": [asked("/api/stock")]})
    hung = asked("/api/stock", status=None, duration_s=None, phases={})
    assert told(good, failing(step("Pay"), evidence={"requests": [hung]})) == [
        ("request", "GET shop.example/api/stock had no answer when the run ended")
    ]


def test_an_uncaught_error_is_told_though_nobody_knows_when_it_was() -> None:
    (only,) = compare(GOOD, failing(step("Browse"), evidence={"page_errors": ["TypeError: x"]})).differences
    assert (only.kind, only.timed) == ("error", False)


def test_where_nothing_failed_anew_the_largest_slowdown_comes_first() -> None:
    slow = run("slow", [step("Browse", 1.4), step("Pay", 4.0), step("Confirm", 0.41)], evidence={})
    assert told(GOOD, slow) == [("slow", "Pay took 4 s"), ("slow", "Browse took 1.4 s")]


def test_steps_stand_beside_each_other_by_name_and_those_not_reached_are_empty() -> None:
    both = compare(
        GOOD, failing(step("Browse", 0.52), step("Log in"), step("Pay", 2.0, "down", "declined"), evidence={})
    )
    sides = [(one["name"], one["sides"][0] is not None, one["sides"][1] is not None) for one in both.steps]
    assert sides == [
        ("Browse", True, True),
        ("Log in", False, True),
        ("Pay", True, True),
        ("Confirm", True, False),
    ]
    browse, _, paying, _ = both.steps
    assert (browse["notable"], browse["delta"], browse["broken"]) == (False, "+20 ms", False)
    assert (paying["notable"], paying["delta"], paying["broken"]) == (True, "+1 s", True)


def test_a_failing_step_that_is_not_in_the_good_run_is_told_as_such() -> None:
    both = compare(GOOD, failing(step("Browse"), step("Log in", 1.0, "down", "no"), evidence={}))
    assert both.differences[0].text == "Log in failed after 1 s; it is not in the other run."


def test_vitals_of_the_same_page_are_held_against_each_other_by_value_and_by_word() -> None:
    good = run("a", [step("Browse", 1.0, "up", "", page("/events/17", lcp_s=0.9, cls=0.01))])
    slow = run("b", [step("Browse", 1.0, "up", "", page("/events/18", lcp_s=4.2, cls=0.011))])
    both = compare(good, slow)
    assert [(one.kind, one.text, one.detail) for one in both.differences] == [
        ("vital", "LCP of /events/* is 4.20 s, poor", "It was 900.0 ms there, good.")
    ]
    (shown,) = both.pages
    lcp, cls, inp, *_ = shown["vitals"]
    assert (lcp["delta"], lcp["notable"], lcp["rating_fell"], lcp["here"]["word"]) == ("+3.3 s", True, True, "poor")
    assert (cls["notable"], inp["there"], inp["here"]) == (False, None, None)


def test_runs_of_one_request_are_held_against_each_other_by_phase_expectation_and_fact() -> None:
    outcome = {"expectation": "status", "verdict": "up", "reason": "ok", "expected": "200", "seen": "200"}
    there = run(
        "a", phases={"connect": 0.01, "processing": 0.1}, facts={"status": 200, "trace_id": "1"}, outcomes=[outcome]
    )
    bad = {**outcome, "verdict": "down", "seen": "503"}
    facts = {"status": 503, "trace_id": "2"}
    here = failing(phases={"connect": 0.01, "processing": 2.1}, facts=facts, outcomes=[bad])
    both = compare(there, here)
    assert [(one.text, one.detail) for one in both.differences] == [
        ("status: expected 200, saw 503", "It was 200 there.")
    ]
    assert both.facts == (("status", "200", "503"),)
    assert both.phases is not None
    assert [(row["name"], row["delta"], row["notable"]) for row in both.phases["rows"]] == [
        ("connect", "±0", False),
        ("processing", "+2 s", True),
    ]


def test_a_run_that_got_nowhere_is_different_by_its_message() -> None:
    there = run("a", phases={"resolve": 0.01, "connect": 0.01})
    here = failing(phases={"resolve": 0.01}, message="connection refused")
    assert told(there, here) == [("reason", "connection refused")]


def test_pictures_stand_beside_each_other_by_step() -> None:
    shots = {name: Picture(f"artifacts/{name}", number, name, number == 1) for number, name in enumerate("ab")}
    good = run("a", [step("Browse"), step("Pay")], evidence={}, pictures=(shots["a"], shots["b"]))
    bad = failing(step("Log in"), step("Pay", verdict="down"), evidence={}, pictures=(shots["b"],))
    assert compare(good, bad).pictures == (
        Shots("Browse", shots["a"], None),
        Shots("Pay", shots["b"], shots["b"], broken=True),
    )


@pytest.mark.parametrize(("there", "here"), [(None, {}), ({}, None), (None, None)])
def test_it_is_said_where_evidence_is_missing(there: Any, here: Any) -> None:
    both = compare(run("a", [step("Pay")], evidence=there), failing(step("Pay"), evidence=here))
    assert "keep: always" in both.unknown


def test_a_request_that_failed_is_told_without_evidence_of_the_other_run_and_it_says_so() -> None:
    bad = failing(step("Pay", verdict="down"), evidence={"requests": [asked("/x", status=500)]})
    first, *_ = compare(run("a", [step("Pay")]), bad).differences
    assert (first.kind, first.detail) == ("request", "Nothing is kept of the requests there.")


def test_a_journey_that_failed_outside_its_steps_is_different_by_its_message() -> None:
    assert told(GOOD, failing(*GOOD.steps, evidence={}, message="KeyError: 'x'")) == [("reason", "KeyError: 'x'")]


def test_the_requests_of_an_api_journey_are_held_against_each_other_in_their_steps() -> None:
    def calls(*statuses: int) -> dict[str, Any]:
        told = [{"step": "Pay", "method": "POST", "url": f"https://shop.example/{n}a"} for n in range(len(statuses))]
        rest = {"phases": {}, "duration_s": 0.2}
        return {"http_requests": [{**one, **rest, "status": s} for one, s in zip(told, statuses, strict=True)]}

    good = run("a", [step("Log in", 1.0), step("Pay", 0.5)], facts=calls(200, 201))
    bad = failing(step("Log in", 1.0), step("Pay", 0.5, "down", "no"), facts=calls(200, 503))
    both = compare(good, bad)
    first, *_ = both.differences
    assert (first.kind, first.step, round(first.at_s, 3)) == ("request", "Pay", 1.4)
    assert first.detail == "It answered 201 in 200 ms there."
    assert both.unknown == ""
