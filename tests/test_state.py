"""How runs settle into a verdict: by example, and as properties over every sequence."""

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from fakes.alerts import AT, LETTERS, REGION, check, run, runs
from hypothesis import given
from hypothesis import strategies as st

from prober.model import AlertPolicy, Reason, Result, Transition, Verdict
from prober.state import State, advance

NEW = State("shop", REGION)
POLICY = AlertPolicy(down_after=3, up_after=2)
POLICIES = st.builds(AlertPolicy, down_after=st.integers(1, 5), up_after=st.integers(1, 5))
SEQUENCES = st.text(alphabet="ugd?", max_size=60)


def walk(letters: Iterable[str], policy: AlertPolicy = POLICY, state: State = NEW) -> tuple[State, list[Transition]]:
    return replay(runs(check(), letters), policy, state)


def replay(results: Iterable[Result], policy: AlertPolicy, state: State = NEW) -> tuple[State, list[Transition]]:
    told: list[Transition] = []
    for result in results:
        state, transitions = advance(state, result, policy)
        told += transitions
    return state, told


def changes(letters: str) -> list[tuple[str, str]]:
    return [(t.before.value, t.after.value) for t in walk(letters)[1]]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("", []),
        ("u", [("unknown", "up")]),
        ("dd", []),
        ("ddu", [("unknown", "up")]),
        ("ddd", [("unknown", "down")]),
        ("udddd", [("unknown", "up"), ("up", "down")]),
        ("uddudd", [("unknown", "up")]),
        ("ddduduu", [("unknown", "down"), ("down", "up")]),
        ("dddgg", [("unknown", "down"), ("down", "degraded")]),
        ("dddgu", [("unknown", "down"), ("down", "up")]),
        ("ugg", [("unknown", "up")]),
        ("uggg", [("unknown", "up"), ("up", "degraded")]),
        ("uggdg", [("unknown", "up")]),
        ("gu", [("unknown", "degraded")]),
        ("guu", [("unknown", "degraded"), ("degraded", "up")]),
        ("ugggddd", [("unknown", "up"), ("up", "degraded"), ("degraded", "down")]),
        ("?d?d?d", [("unknown", "down")]),
        ("u???", [("unknown", "up")]),
    ],
)
def test_a_sequence_of_runs_settles_as_documented(letters: str, expected: list[tuple[str, str]]) -> None:
    assert changes(letters) == expected


def test_an_outage_begins_at_its_first_failure_and_ends_at_the_first_success_of_its_recovery() -> None:
    _, (_, down, up) = walk("udddduduu")
    assert (down.since, down.at) == (AT + 30, AT + 90.5)
    assert (up.since, up.at) == (AT + 7 * 30, AT + 8 * 30 + 0.5)


def test_a_check_is_undecided_while_its_latest_runs_contradict_what_is_settled() -> None:
    undecided = [walk("uddduduu"[:length])[0].undecided for length in range(9)]
    assert undecided == [False, False, True, True, False, True, False, True, False]


def test_a_failing_check_of_which_nothing_is_known_is_undecided() -> None:
    assert walk("d")[0].undecided


def test_stamps_never_go_backwards_when_the_wall_clock_does() -> None:
    results = [replace(r, started_at=r.started_at - 3_600 * n) for n, r in enumerate(runs(check(), "uddduu"))]
    state, told = replay(results, POLICY)
    stamps = [stamp for t in told for stamp in (t.since, t.at)]
    assert stamps == sorted(stamps)
    assert state.since is not None
    assert state.since >= AT


def test_a_threshold_that_was_lowered_counts_from_the_next_run_on() -> None:
    state, _ = walk("udd", AlertPolicy(down_after=10))
    _, told = walk("d", AlertPolicy(down_after=2), state)
    assert [t.after for t in told] == [Verdict.DOWN]


def test_a_state_survives_json_and_keys_of_a_later_release() -> None:
    state, _ = walk("udddu")
    assert State.from_dict({**json.loads(json.dumps(state.to_dict())), "quorum": 3}) == state
    assert State.from_dict({**state.to_dict(), "last_reason": "of_tomorrow"}).last_reason is Reason.INTERNAL


@pytest.mark.parametrize("values", [{}, {"check_id": "a", "region": "b", "verdict": "sideways"}, {"verdict": "up"}])
def test_what_is_no_state_is_refused(values: dict[str, str]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        State.from_dict(values)


def test_a_month_of_minutes_takes_less_than_a_second() -> None:
    results = runs(check(), "uuuuuuudddduuug" * 20)
    began = time.perf_counter()
    state = NEW
    for _ in range(43_200 // len(results)):
        for result in results:
            state, _ = advance(state, result, POLICY)
    assert time.perf_counter() - began < 3.0


@given(SEQUENCES, POLICIES)
def test_unknown_runs_change_nothing(letters: str, policy: AlertPolicy) -> None:
    state, _ = walk(letters, policy)
    assert advance(state, run(check(), Verdict.UNKNOWN, 99), policy) == (state, [])


@given(SEQUENCES, POLICIES)
def test_transitions_form_a_chain_and_the_state_is_its_end(letters: str, policy: AlertPolicy) -> None:
    state, told = walk(letters, policy)
    verdicts = [Verdict.UNKNOWN, *(t.after for t in told)]
    assert [t.before for t in told] == verdicts[:-1]
    assert all(before is not after for before, after in pairwise(verdicts))
    assert state.verdict is verdicts[-1]


@given(SEQUENCES, POLICIES)
def test_down_is_settled_only_by_enough_failures_in_a_row_and_left_only_by_enough_successes(
    letters: str, policy: AlertPolicy
) -> None:
    state, failures, successes = NEW, 0, 0
    for result in runs(check(), letters):
        if result.verdict is not Verdict.UNKNOWN:
            failed = result.verdict is Verdict.DOWN
            failures, successes = (failures + 1, 0) if failed else (0, successes + 1)
        state, told = advance(state, result, policy)
        assert (state.failures, state.successes) == (failures, successes)
        for transition in told:
            if transition.after is Verdict.DOWN:
                assert failures >= policy.down_after
            if transition.before is Verdict.DOWN:
                assert successes >= policy.up_after


@given(SEQUENCES, POLICIES, st.integers(0, 5))
def test_a_long_outage_is_told_once_and_resolved_once(before: str, policy: AlertPolicy, extra: int) -> None:
    outage = "d" * (policy.down_after + extra) + "u" * policy.up_after
    state, _ = walk("u" * 5 + before + "u" * 5, policy)
    last = len(before) + 10
    _, told = replay(runs(check(), outage, last), policy, state)
    sides = [t.after is Verdict.DOWN for t in told if Verdict.DOWN in (t.before, t.after)]
    assert sides == [True, False]


@given(SEQUENCES, POLICIES, st.integers(0, 60))
def test_a_restart_at_any_point_changes_nothing(letters: str, policy: AlertPolicy, cut: int) -> None:
    state, told = walk(letters[:cut], policy)
    restored = State.from_dict(json.loads(json.dumps(state.to_dict())))
    rest = replay(runs(check(), letters[cut:], len(letters[:cut])), policy, restored)
    assert (rest[0], told + rest[1]) == walk(letters, policy)


@given(SEQUENCES, POLICIES, st.lists(st.floats(-1e6, 1e6), min_size=60, max_size=60))
def test_stamps_are_in_order_whatever_the_clock_does(letters: str, policy: AlertPolicy, jumps: list[float]) -> None:
    results = [run(check(), LETTERS[letter], at=AT + jump) for letter, jump in zip(letters, jumps, strict=False)]
    _, told = replay(results, policy)
    assert all(t.since <= t.at for t in told)
    assert [t.at for t in told] == sorted(t.at for t in told)
    assert [t.since for t in told] == sorted(t.since for t in told)
