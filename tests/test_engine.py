import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fakes.moved import run_moved

from prober.clock import MovedClock
from prober.engine import OVERTIME_S, Engine
from prober.faults import ProbeError
from prober.log import FIELDS
from prober.model import Check, Failure, Observation, Reason, Result, Verdict
from prober.net import Net
from prober.probes import Context, Probe


def check(**more: Any) -> Check:
    return Check(id="a", kind="fake", interval="10s", timeout="5s", **more)


def ran(probe: Probe, stalled_s: float = 0.0) -> tuple[Result, float]:
    """The result of one run of ``probe``, and how long it took."""

    async def main(clock: MovedClock) -> tuple[Result, float]:
        engine = Engine("eu", {"fake": probe}, {}, Net(), clock, stalled_since=lambda _: stalled_s)
        before = clock.monotonic()
        return await engine.run(check()), clock.monotonic() - before

    return run_moved(main)


def raising(error: BaseException) -> Probe:
    async def probe(check: Check, context: Context) -> Observation:
        raise error

    return probe


async def fine(check: Check, context: Context) -> Observation:
    return Observation(0.25)


def test_a_probe_that_answers_is_up_and_carries_its_region_and_run() -> None:
    result, _ = ran(fine)
    assert (result.verdict, result.reason, result.region, result.duration_s) == (Verdict.UP, Reason.OK, "eu", 0.25)
    assert len(result.run_id) == 16


def test_what_the_target_did_is_down_with_its_reason_and_what_was_seen() -> None:
    result, _ = ran(raising(ProbeError(Reason.RESET, "reset by peer", facts={"bytes": 12})))
    assert (result.verdict, result.reason) == (Verdict.DOWN, Reason.RESET)
    assert result.observation.facts == {"bytes": 12}


def test_no_descriptors_left_is_our_own_fault() -> None:
    result, _ = ran(raising(OSError(24, "Too many open files")))
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, Reason.FD_EXHAUSTED)


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), KeyError("x"), asyncio.CancelledError()])
def test_a_bug_of_a_probe_is_unknown_and_stops_nothing(error: BaseException) -> None:
    result, _ = ran(raising(error))
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, Reason.INTERNAL)
    assert type(error).__name__ in result.message


def test_a_line_of_the_log_on_a_run_has_the_runs_id(caplog: pytest.LogCaptureFixture) -> None:
    result, _ = ran(raising(ZeroDivisionError()))
    (line,) = [record for record in caplog.records if record.message == "the probe failed by itself"]
    assert getattr(line, FIELDS) == {"check": result.check.id, "run": result.run_id}


def test_a_probe_that_swallows_its_cancellation_is_given_up_after_its_deadline() -> None:
    async def stubborn(check: Check, context: Context) -> Observation:
        end = context.clock.monotonic() + 60
        while context.clock.monotonic() < end:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue
        return Observation(60.0)

    result, took_s = ran(stubborn)
    assert (result.verdict, result.reason) == (Verdict.DOWN, Reason.TIMEOUT)
    assert took_s == pytest.approx(5 + OVERTIME_S, abs=0.01)


def test_a_stalled_loop_is_said_and_a_long_stall_makes_the_result_unknown() -> None:
    assert ran(fine, stalled_s=0.3)[0].observation.stalled_s == 0.3
    assert ran(fine, stalled_s=0.3)[0].verdict is Verdict.UP
    assert ran(fine, stalled_s=6.0)[0].reason is Reason.LOOP_STALLED


def slots(engine_for: Callable[[MovedClock], Engine], waits: list[float]) -> list[tuple[Result | None, float | None]]:
    """Runs taken at once for a slot now, each willing to wait so long; with the lateness told at the start."""

    async def one(engine: Engine, clock: MovedClock, wait_s: float) -> tuple[Result | None, float | None]:
        lags: list[float] = []
        now = clock.monotonic()
        result = await engine.run_slot(check(), now, now + wait_s, lags.append)
        return result, lags[0] if lags else None

    async def main(clock: MovedClock) -> list[tuple[Result | None, float | None]]:
        engine = engine_for(clock)
        return await asyncio.gather(*(one(engine, clock, wait_s) for wait_s in waits))

    return run_moved(main)


async def slow(check: Check, context: Context) -> Observation:
    await asyncio.sleep(2)
    return Observation(2.0)


def test_runs_over_the_cap_wait_for_a_place_and_are_missed_at_their_next_slot() -> None:
    outcome = slots(lambda clock: Engine("eu", {"fake": slow}, {"fake": 1}, Net(), clock), [10, 10, 3])
    assert [lag for _, lag in outcome] == [pytest.approx(0), pytest.approx(2, abs=0.01), None]
    assert [result is None for result, _ in outcome] == [False, False, True]


def journeys(*takes_s: float) -> list[tuple[Result | None, float | None]]:
    """Journeys of a 5 s timeout asked for at once where one may run at a time; with the time each was given."""
    given: list[float | None] = [None] * len(takes_s)

    async def probe(check: Check, context: Context) -> Observation:
        left_s = given[int(check.id)] = context.remaining_s()
        await asyncio.sleep(min(takes_s[int(check.id)], left_s))
        late = takes_s[int(check.id)] > left_s
        return Observation(1.0, failure=Failure(Reason.DEADLINE, "Pay: still running") if late else None)

    async def main(clock: MovedClock) -> list[tuple[Result | None, float | None]]:
        engine = Engine("eu", {"api": probe}, {"api": 1}, Net(), clock)
        now = clock.monotonic()
        checks = [Check(id=str(index), kind="api", interval="10s", timeout="5s") for index in range(len(takes_s))]
        runs = (engine.run_slot(check, now, now + 10, lambda _: None) for check in checks)
        return list(zip(await asyncio.gather(*runs), given, strict=True))

    return run_moved(main)


def test_a_journey_has_less_time_by_what_it_waited_and_is_missed_when_half_of_it_is_gone() -> None:
    outcome = journeys(1, 1, 1, 1)
    assert [result and result.verdict for result, _ in outcome] == [Verdict.UP, Verdict.UP, Verdict.UP, None]
    assert [given for _, given in outcome] == [pytest.approx(5), pytest.approx(4), pytest.approx(3), None]


def test_a_journey_cut_short_by_its_wait_says_nothing_of_its_target() -> None:
    (first, _), (second, _) = journeys(2, 4)
    assert first is not None
    assert first.verdict is Verdict.UP
    assert second is not None
    assert (second.verdict, second.reason) == (Verdict.UNKNOWN, Reason.INTERNAL)
    assert second.message == "it waited 2.0s for a slot and had that much less time; Pay: still running"
    (alone, _) = journeys(6)[0]
    assert alone is not None
    assert (alone.verdict, alone.reason) == (Verdict.DOWN, Reason.DEADLINE)


def test_a_cancelled_run_has_no_result_and_gives_its_place_back() -> None:
    async def main(clock: MovedClock) -> Result:
        engine = Engine("eu", {"fake": slow}, {"fake": 1}, Net(), clock)
        task = asyncio.create_task(engine.run(check()))
        await asyncio.sleep(1)
        task.cancel()
        assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
        return await engine.run(check())

    assert run_moved(main).verdict is Verdict.UP


def test_a_judgement_that_fails_by_itself_is_unknown_and_not_silence() -> None:
    class Broken(Check):
        @property
        def expect(self) -> Any:
            raise ZeroDivisionError("division by zero")

    async def main(clock: MovedClock) -> Result:
        engine = Engine("eu", {"fake": fine}, {}, Net(), clock)
        return await engine.run(Broken(id="a", kind="fake", interval="10s", timeout="5s"))

    assert run_moved(main).reason is Reason.INTERNAL


def test_an_engine_is_idle_only_when_nobody_waits_for_a_place_any_more() -> None:
    async def main(clock: MovedClock) -> float:
        engine = Engine("eu", {"fake": slow}, {"fake": 1}, Net(), clock)
        began = clock.monotonic()
        runs = [asyncio.ensure_future(engine.run(check())) for _ in range(3)]
        await asyncio.sleep(0.5)
        await engine.idle()
        await asyncio.gather(*runs)
        return clock.monotonic() - began

    assert run_moved(main) == pytest.approx(6, abs=0.1)
