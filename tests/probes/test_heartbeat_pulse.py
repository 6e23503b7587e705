"""Lateness as arithmetic: never down while signals keep coming in time, always down once silent past grace."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from prober.app.passive.keeping import _kept, document_of, restored
from prober.app.passive.pulse import (
    OWN,
    Finding,
    Pulse,
    Report,
    away,
    begun,
    ended,
    first,
    looked,
    moved,
    reported,
    retimed,
)
from prober.app.passive.rhythm import Rhythm, rhythm_of
from prober.model import Reason, Verdict
from prober.probes.heartbeat import HeartbeatAlerts, Spec
from prober.state import State, advance

AT = 1_700_000_000.0
RHYTHM = Rhythm(period_s=600.0, grace_s=60.0)
BOUND = Rhythm(period_s=600.0, grace_s=60.0, max_runtime_s=300.0)
QUIET = Rhythm(period_s=60.0, watched=False)


def looks(pulse: Pulse, now: float, rhythm: Rhythm) -> tuple[Pulse, list[Finding]]:
    """What every look up to ``now`` would have found, each as soon as there was something to find."""
    found: list[Finding] = []
    while pulse.next_at <= now:
        pulse, finding = looked(pulse, pulse.next_at, rhythm)
        found += [finding] if finding else []
        assert len(found) < 1000
    return pulse, found


def well(pulse: Pulse, now: float, rhythm: Rhythm = RHYTHM, rid: str = "") -> tuple[Pulse, Finding]:
    return ended(pulse, rid, None, "", now, rhythm)


RHYTHMS = st.builds(
    Rhythm,
    period_s=st.floats(60, 100_000),
    grace_s=st.just(0.0) | st.floats(0.01, 3_600),
    max_runtime_s=st.just(math.inf) | st.floats(1, 1_000),
)
SHARES = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(0, 1)), max_size=30)


@given(RHYTHMS, SHARES)
def test_it_is_never_down_while_signals_keep_coming_in_time(
    rhythm: Rhythm, beats: list[tuple[float, bool, float]]
) -> None:
    now, pulse = AT, first(AT, rhythm)
    for share, starts, lasting in beats:
        now = between(now, pulse.next_at, share)
        pulse, found = looks(pulse, now, rhythm)
        assert found == []
        if starts:
            pulse = begun(pulse, "r", now, rhythm)
            now = between(now, pulse.next_at, lasting)
            pulse, found = looks(pulse, now, rhythm)
            assert found == []
        pulse, finding = well(pulse, now, rhythm, "r")
        assert finding.verdict is Verdict.UP
        assert now < pulse.due_at == rhythm.due_after(now)


def between(now: float, due_at: float, share: float) -> float:
    """Some time from ``now`` until just before ``due_at``."""
    return now + share * max(0.0, due_at - 1e-3 - now)


@given(RHYTHMS, SHARES, st.lists(st.tuples(st.floats(0, 2), st.floats(0, 5)), max_size=10))
def test_it_is_always_down_once_silent_past_grace_however_often_we_were_away(
    rhythm: Rhythm, beats: list[tuple[float, bool, float]], gaps: list[tuple[float, float]]
) -> None:
    now, pulse = AT, first(AT, rhythm)
    for share, starts, failing in beats:
        now += share * rhythm.period_s
        pulse, _ = looks(pulse, now, rhythm)
        if starts:
            pulse = begun(pulse, f"{share}", now, rhythm)
        else:
            pulse, _ = ended(pulse, "", "broken" if failing > 0.5 else None, "", now, rhythm)
    # Silence from here on. What we listened for is bounded by a period, a run's time, and each of them with its grace.
    listened_s, found = 0.0, list[Finding]()
    bound_s = rhythm.period_s + 2 * rhythm.grace_s
    bound_s += 0.0 if math.isinf(rhythm.max_runtime_s) else rhythm.max_runtime_s + rhythm.grace_s
    for listening, gone in gaps:
        step_s = listening * max(rhythm.grace_s, 1.0)
        pulse, more = looks(pulse, now + step_s, rhythm)
        found += more
        listened_s, now = listened_s + step_s, now + step_s
        pulse = away(pulse, now, now + gone * rhythm.period_s, rhythm)
        now += gone * rhythm.period_s
    pulse, more = looks(pulse, now + max(0.0, bound_s - listened_s) * (1 + 1e-9) + 1e-3, rhythm)
    found += more
    assert any(finding.reason in (Reason.SILENT, Reason.TIMEOUT) for finding in found)
    assert pulse.standing.verdict is Verdict.DOWN


@given(RHYTHMS, st.floats(0, 3), st.floats(0.001, 10))
def test_a_restart_neither_forgets_a_late_job_nor_invents_one(rhythm: Rhythm, until: float, gone: float) -> None:
    pulse, _ = well(first(AT, rhythm), AT, rhythm)
    left_at = AT + until * rhythm.period_s
    pulse, told = looks(pulse, left_at, rhythm)
    back_at = left_at + gone * rhythm.period_s
    kept = _kept(json.loads(json.dumps(document_of(left_at, {"backup": (rhythm.text, pulse)})))).pulses["backup"][1]
    assert kept == pulse
    back = away(kept, left_at, back_at, rhythm)
    if told:
        assert back.standing.reason is Reason.SILENT, "what was late is late"
    else:
        _, found = looks(back, back_at, rhythm)
        assert rhythm.grace_s == 0 or found == [], "what came due while nobody listened has its grace"
    _, found = looks(back, max(pulse.due_at, back_at + rhythm.grace_s) + 1e-3, rhythm)
    assert found[-1].reason is Reason.SILENT


@given(st.lists(st.sampled_from(["ok", "fail", "wait", "late"]), max_size=12))
def test_what_the_store_knows_alone_gives_the_same_deadline(history: list[str]) -> None:
    now, pulse, state = AT, first(AT, RHYTHM), State("backup", "eu")
    for step in history:
        now += {"ok": 300.0, "fail": 300.0, "wait": 100.0, "late": 700.0}[step]
        pulse, found = looks(pulse, now, RHYTHM)
        ends = [pulse.due_at - RHYTHM.period_s] * len(found)
        if step in ("ok", "fail"):
            pulse, finding = ended(pulse, "", "no" if step == "fail" else None, "", now, RHYTHM)
            found, ends = [*found, finding], [*ends, now]
        for finding, at in zip(found, ends, strict=True):
            state, _ = advance(state, _Run(finding, at), HeartbeatAlerts())
    again = restored(None, None, state, RHYTHM)
    if state.last_at:
        assert again is not None
        assert abs(again.due_at - pulse.due_at) < 1e-3
        assert again.standing.verdict is pulse.standing.verdict


class _Run:
    def __init__(self, finding: Finding, at: float) -> None:
        self.verdict, self.reason, self.message = finding.verdict, finding.reason, finding.message
        self.duration_s = finding.duration_s
        self.started_at = at - finding.duration_s


def test_a_long_run_that_ends_after_a_shorter_one_puts_nothing_into_the_future() -> None:
    pulse, state = begun(begun(first(AT, RHYTHM), "a", AT, RHYTHM), "b", AT + 100, RHYTHM), State("backup", "eu")
    for rid, now in (("b", AT + 150), ("a", AT + 400)):
        pulse, finding = well(pulse, now, RHYTHM, rid)
        state, _ = advance(state, _Run(finding, now), HeartbeatAlerts())
        assert state.last_at == now
    again = restored(None, None, state, RHYTHM)
    assert again is not None
    assert again.due_at == pulse.due_at


def test_each_further_period_of_silence_is_one_more_failed_run() -> None:
    pulse, found = looks(first(AT, RHYTHM), AT + 660, RHYTHM)
    assert [(one.verdict, one.reason) for one in found] == [(Verdict.DOWN, Reason.SILENT)]
    assert found[0].message == "never heard of yet"
    pulse, found = looks(pulse, AT + 660 + 1_800, RHYTHM)
    assert len(found) == 3
    pulse, finding = well(pulse, AT + 2_500)
    assert finding.verdict is Verdict.UP
    _, found = looks(pulse, AT + 2_500 + 660, RHYTHM)
    assert found[0].message == "nothing heard since 2023-11-14T22:55:00.000Z"


def test_a_failure_is_not_silence_and_the_next_run_is_waited_for() -> None:
    pulse, finding = ended(first(AT, RHYTHM), "", "exit code 3: disk full", "", AT + 100, RHYTHM)
    assert (finding.verdict, finding.reason, finding.message) == (
        Verdict.DOWN,
        Reason.REPORTED,
        "exit code 3: disk full",
    )
    assert pulse.due_at == AT + 100 + 660


def test_runs_of_several_ids_are_told_apart_and_each_knows_how_long_it_took() -> None:
    pulse = begun(first(AT, BOUND), "a", AT, BOUND)
    pulse = begun(pulse, "b", AT + 100, BOUND)
    pulse, finding = well(pulse, AT + 250, BOUND, "b")
    assert finding.duration_s == 150
    pulse, found = looks(pulse, AT + 300, BOUND)
    assert [(one.verdict, one.reason) for one in found] == [(Verdict.DOWN, Reason.TIMEOUT)]
    assert found[0].message == "started at 2023-11-14T22:13:20.000Z and has not ended within 5m"
    assert not pulse.runs


def test_starts_without_an_end_are_bounded() -> None:
    pulse = first(AT, BOUND)
    for number in range(500):
        pulse = begun(pulse, str(number), AT + number, BOUND)
    assert len(pulse.runs) == 100
    assert "499" in pulse.runs


def test_a_run_under_way_within_its_time_keeps_silence_from_being_told() -> None:
    pulse = begun(first(AT, BOUND), "", AT + 650, BOUND)
    pulse, found = looks(pulse, AT + 940, BOUND)
    assert found == []
    pulse, found = looks(pulse, AT + 950, BOUND)
    assert [one.reason for one in found] == [Reason.TIMEOUT]


def test_a_prober_that_comes_and_goes_still_tells_of_a_silence() -> None:
    pulse, now, found = first(AT, RHYTHM), AT + 600, list[Finding]()
    for _ in range(20):
        pulse, more = looks(pulse, now + 10, RHYTHM)
        found += more
        pulse, now = away(pulse, now + 10, now + 1_000, RHYTHM), now + 1_000
    assert [one.reason for one in found[:1]] == [Reason.SILENT]
    assert now < AT + 600 + 21 * 1_000


def test_a_clock_that_is_set_moves_nothing_but_what_a_calendar_says() -> None:
    pulse = begun(first(AT, BOUND), "", AT, BOUND)
    later = moved(pulse, 3_600, AT + 3_600, BOUND)
    assert (later.due_at, later.runs[""].over_at) == (pulse.due_at + 3_600, pulse.runs[""].over_at + 3_600)
    daily = cron("0 7 * * *")
    at = stamp("2026-03-02T06:00")
    known = first(at, daily)
    assert moved(known, -1_800, at - 1_800, daily).due_at == known.due_at


def test_another_rhythm_gives_its_grace_before_anything_is_late() -> None:
    pulse, _ = well(first(AT, RHYTHM), AT)
    assert retimed(pulse, AT + 500, Rhythm(60, 30)).due_at == AT + 530
    assert retimed(pulse, AT + 500, Rhythm(6_000, 30)).due_at == AT + 6_030


def cron(schedule: str, timezone: str = "UTC", grace: str = "10m") -> Rhythm:
    values = {"id": "a", "token": "t" * 16, "schedule": schedule, "timezone": timezone, "grace": grace}
    return rhythm_of(Spec.model_validate(values))


def stamp(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def due(rhythm: Rhythm, *ends: str) -> Iterable[str]:
    return [datetime.fromtimestamp(rhythm.due_after(stamp(end)), UTC).strftime("%m-%dT%H:%M") for end in ends]


def test_a_schedule_is_waited_for_at_its_next_time_in_its_zone() -> None:
    rhythm = cron("0 7 * * MON-FRI", "Europe/Berlin")
    assert due(rhythm, "2026-03-27T06:02") == ["03-30T05:10"], "over the weekend the clocks went forward"
    assert due(rhythm, "2026-03-26T05:59:30") == ["03-27T06:10"], "a clock that is ahead ends early"
    assert due(rhythm, "2026-03-26T05:30") == ["03-26T06:10"]


def test_each_time_of_a_schedule_that_went_by_in_silence_is_told_once() -> None:
    rhythm = cron("0 * * * *")
    start = stamp("2026-03-02T06:30")
    _, found = looks(first(start, rhythm), start + 5 * 3_600, rhythm)
    assert len(found) == 5


def test_what_sources_report_stands_until_it_is_taken_back_or_its_time_is_over() -> None:
    pulse = first(AT, QUIET)
    bad = [Report("a", Verdict.DEGRADED, "slow"), Report("b", Verdict.DOWN, "shell", 300)]
    pulse, finding = reported(pulse, bad, AT, QUIET)
    assert (finding.verdict, finding.message) == (Verdict.DOWN, "shell (and 1 more)")
    pulse, found = looks(pulse, AT + 290, QUIET)
    assert {one.verdict for one in found} == {Verdict.DOWN}, "what stands is said again every minute"
    pulse, found = looks(pulse, AT + 300, QUIET)
    assert found[0].verdict is Verdict.DEGRADED
    pulse, finding = reported(pulse, [Report("a", Verdict.UP)], AT + 310, QUIET)
    assert finding.verdict is Verdict.UP


def test_a_job_that_failed_is_not_well_because_another_matter_is_over() -> None:
    pulse, _ = ended(first(AT, RHYTHM), "", "no", "", AT, RHYTHM)
    pulse, _ = reported(pulse, [Report("a", Verdict.DOWN, "fire", 100)], AT, RHYTHM)
    pulse, found = looks(pulse, AT + 100, RHYTHM)
    assert [one.message for one in found] == ["no"]
    assert OWN in pulse.troubles


def test_reports_without_an_end_are_bounded() -> None:
    pulse, _ = ended(first(AT, QUIET), "", "no", "", AT, QUIET)
    pulse, _ = reported(pulse, [Report(str(n), Verdict.DOWN, "x") for n in range(2_000)], AT, QUIET)
    assert len(pulse.troubles) == 500
    assert OWN in pulse.troubles
