import asyncio
import itertools
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from fakes.moved import run_moved
from hypothesis import given
from hypothesis import strategies as st

from prober.clock import MovedClock
from prober.model import Check
from prober.schedule import Plan, Scheduler, next_recheck, next_slot, plan_for

times = st.floats(0, 1e6)
plans = st.builds(Plan, st.floats(0.1, 1e4), st.floats(0, 1e4))


def check(name: str = "a", interval: str = "10s", **more: Any) -> Check:
    return Check(id=name, kind="http", interval=interval, timeout="1s", **more)


@given(plans, times, st.none() | times)
def test_the_next_slot_is_later_than_now_and_on_the_grid(plan: Plan, now: float, last: float | None) -> None:
    slot = next_slot(plan, now, last if last is None else min(last, now))
    assert slot.at > now - 1e-6 * plan.interval_s
    assert slot.at <= now + plan.interval_s * (1 + 1e-6)
    turns = (slot.at - plan.phase_s) / plan.interval_s
    assert turns == pytest.approx(round(turns), abs=1e-4)


@given(plans, times, st.integers(0, 50), st.floats(0.01, 0.99))
def test_every_slot_between_the_last_and_the_next_is_counted_as_missed(
    plan: Plan, start: float, turns: int, part: float
) -> None:
    last = plan.first_after(start)
    assert next_slot(plan, last + (turns + part) * plan.interval_s, last).missed == turns


@given(plans, times)
def test_a_recheck_comes_within_half_an_interval_of_the_end_of_the_run(plan: Plan, ended: float) -> None:
    at = next_recheck(plan, ended).at
    assert ended < at + 1e-6
    assert at - ended <= plan.interval_s / 2 * (1 + 1e-6)


def test_the_regions_of_a_check_interleave() -> None:
    phases = [plan_for(check(interval="30s"), index, 3, 0.0).phase_s for index in range(3)]
    gaps = sorted((b - a) % 30 for a, b in zip(phases, phases[1:] + phases[:1], strict=True))
    assert gaps == pytest.approx([10, 10, 10])


def test_slots_stay_where_they_were_after_a_restart() -> None:
    before = plan_for(check(), 0, 1, wall_ahead_s=1_700_000_000.0)
    after = plan_for(check(), 0, 1, wall_ahead_s=1_700_000_000.0 - 12_345.6)  # another boot, another monotonic zero
    on_wall = [(plan.phase_s + ahead) % 10 for plan, ahead in ((before, 1_700_000_000.0), (after, 1_699_987_654.4))]
    assert on_wall[0] == pytest.approx(on_wall[1], abs=1e-3)


def test_checks_spread_evenly_over_the_interval() -> None:
    tenths = Counter(int(plan_for(check(f"check-{n}"), 0, 1, 0.0).phase_s) for n in range(10_000))
    assert min(tenths.values()) > 850
    assert max(tenths.values()) < 1150


class Bench:
    """A scheduler on a moved clock, with a record of what it started and missed."""

    def __init__(self, clock: MovedClock, run_s: float = 0.1) -> None:
        self.clock = clock
        self.run_s = run_s
        self.starts: dict[str, list[float]] = defaultdict(list)
        self.missed: Counter[str] = Counter()
        self.running: Counter[str] = Counter()
        self.scheduler = Scheduler(clock, self.run, lambda name, n: self.missed.update({name: n}))

    async def run(self, check: Check, slot: float, until: float) -> bool:
        self.running[check.id] += 1
        assert self.running[check.id] == 1, "a check overlaps itself"
        self.starts[check.id].append(self.clock.monotonic())
        await asyncio.sleep(self.run_s)
        self.running[check.id] -= 1
        return True

    async def let(self, seconds: float) -> None:
        task = asyncio.create_task(self.scheduler.serve())
        await asyncio.sleep(seconds)
        task.cancel()

    def gaps(self, name: str = "a") -> list[float]:
        starts = self.starts[name]
        return [round(b - a, 3) for a, b in itertools.pairwise(starts)]


def test_a_check_keeps_its_rate_for_a_day_without_drift() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        bench.scheduler.update([check()])
        await bench.let(86_400)
        assert len(bench.starts["a"]) in (8640, 8641)
        assert set(bench.gaps()[1:]) == {10.0}
        assert not bench.missed

    run_moved(main)


def test_a_run_longer_than_its_interval_misses_slots_and_never_overlaps() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock, run_s=24.0)
        bench.scheduler.update([check()])
        await bench.let(600)
        assert set(bench.gaps()[1:]) == {30.0}
        assert bench.missed["a"] == pytest.approx(40, abs=3)

    run_moved(main)


def test_an_undecided_check_runs_on_half_interval_slots_until_it_is_decided() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        bench.scheduler.update([check()])
        await bench.let(35)
        bench.scheduler.set_undecided("a", True)
        await bench.let(40)
        bench.scheduler.set_undecided("a", False)
        await bench.let(40)
        assert bench.gaps().count(5.0) >= 6
        assert bench.gaps()[-2:] == [10.0, 10.0]
        assert not bench.missed

    run_moved(main)


def test_the_first_runs_are_spread_and_come_soon() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        bench.scheduler.update([check(f"c{n}", interval="5m") for n in range(200)])
        begin = clock.monotonic()
        await bench.let(16)
        firsts = sorted(starts[0] - begin for starts in bench.starts.values())
        assert len(firsts) == 200
        assert max(b - a for a, b in itertools.pairwise(firsts)) < 1.0

    run_moved(main)


def test_a_wall_clock_that_is_set_moves_no_slot() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        bench.scheduler.update([check()])
        await bench.let(25)
        clock.set_wall(clock.wall() - 3600)
        await bench.let(50)
        assert set(bench.gaps()[1:]) == {10.0}

    run_moved(main)


def test_a_reload_keeps_the_slots_of_what_did_not_change() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        bench.scheduler.update([check(), check("b")])
        await bench.let(25)
        bench.scheduler.update([check(title="renamed"), check("c")])
        await bench.let(50)
        assert set(bench.gaps()[1:]) == {10.0}
        assert len(bench.starts["b"]) <= 4
        assert len(bench.starts["c"]) >= 4

    run_moved(main)


def test_a_changed_interval_takes_hold_at_once() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        bench.scheduler.update([check(interval="1h")])
        await bench.let(60)
        bench.scheduler.update([check(interval="2s")])
        await bench.let(20)
        assert bench.gaps()[-3:] == [2.0, 2.0, 2.0]

    run_moved(main)


def test_no_place_until_the_next_slot_is_a_missed_run() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)

        async def full(check: Check, slot: float, until: float) -> bool:
            await asyncio.sleep(until - clock.monotonic())
            return False

        bench.scheduler.run = full
        bench.scheduler.update([check()])
        await bench.let(100)
        assert bench.missed["a"] >= 9

    run_moved(main)


def test_stopping_lets_runs_end_and_cancels_the_late_ones() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock, run_s=5.0)
        bench.scheduler.update([check("short"), check("long")])
        slow = bench.run

        async def run(check: Check, slot: float, until: float) -> bool:
            bench.run_s = 500.0 if check.id == "long" else 5.0
            return await slow(check, slot, until)

        bench.scheduler.run = run
        await bench.let(12)
        for name in ("short", "long"):
            assert bench.starts[name]
        assert await bench.scheduler.stop(10.0) == ["long"]

    run_moved(main)


def test_a_cron_check_runs_when_its_calendar_says() -> None:
    async def main(clock: MovedClock) -> list[float]:
        bench = Bench(clock)
        bench.scheduler.update([check(schedule="0 7 * * MON-FRI", timezone="Europe/Berlin")])
        trigger = bench.scheduler._calendar.get_job("a").trigger
        monday = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
        assert trigger.get_next_fire_time(None, monday).isoformat() == "2026-11-24T07:00:00+01:00"
        job = bench.scheduler._calendar.get_job("a")
        await job.func(*job.args)
        await job.func(*job.args)
        await asyncio.sleep(1)
        bench.scheduler.update([])
        assert bench.scheduler._calendar.get_jobs() == []
        await bench.scheduler.stop(1.0)
        assert bench.missed["a"] == 1
        return bench.starts["a"]

    assert len(run_moved(main)) == 1


def test_the_calendar_itself_starts_a_run_when_the_time_comes() -> None:
    async def main() -> list[float]:
        started = asyncio.Event()
        bench = Bench(MovedClock(), run_s=0.0)

        async def run(check: Check, slot: float, until: float) -> bool:
            started.set()
            return True

        bench.scheduler.run = run
        bench.scheduler.update([check(schedule="0 7 * * *")])
        bench.scheduler._calendar.modify_job("a", next_run_time=datetime.now(UTC))
        await asyncio.wait_for(started.wait(), 10)
        return await bench.scheduler.stop(1.0)

    assert asyncio.run(main()) == []


def test_a_check_that_is_never_given_a_place_tries_at_every_slot() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        slots: list[float] = []

        async def full(check: Check, slot: float, until: float) -> bool:
            slots.append(slot)
            await asyncio.sleep(until - clock.monotonic())
            return False

        bench.scheduler.run = full
        bench.scheduler.update([check()])
        await bench.let(100)
        assert {round(b - a, 3) for a, b in itertools.pairwise(slots[1:])} == {10.0}
        assert bench.missed["a"] == pytest.approx(len(slots), abs=1)

    run_moved(main)


def test_a_check_that_leaves_and_comes_back_while_it_runs_does_not_overlap_itself() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock, run_s=8.0)
        bench.scheduler.update([check()])
        await bench.let(11)
        bench.scheduler.update([])
        bench.scheduler.update([check()])
        await bench.let(60)
        assert len(bench.starts["a"]) >= 5

    run_moved(main)


def test_a_cron_check_that_settles_is_not_checked_once_more() -> None:
    async def main(clock: MovedClock) -> int:
        bench = Bench(clock, run_s=0.1)
        bench.scheduler.update([check(schedule="0 7 * * *")])
        serving = asyncio.create_task(bench.scheduler.serve())
        bench.scheduler.fire("a")
        bench.scheduler.set_undecided("a", True)
        await asyncio.sleep(8)
        bench.scheduler.set_undecided("a", False)
        seen = len(bench.starts["a"])
        await asyncio.sleep(60)
        serving.cancel()
        await bench.scheduler.stop(1.0)
        return len(bench.starts["a"]) - seen

    assert run_moved(main) == 0


def test_a_changed_list_of_regions_moves_the_slots_of_unchanged_checks() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        bench.scheduler.update([check()])
        await bench.let(21)
        before = bench.starts["a"][-1]
        bench.scheduler.region_index, bench.scheduler.regions = 1, 2
        bench.scheduler.update([check()])
        await bench.let(40)
        assert (bench.starts["a"][-1] - before) % 10 == pytest.approx(5, abs=0.01)

    run_moved(main)


def test_a_scheduler_that_takes_over_goes_on_from_the_last_slot_and_counts_those_between() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        plan = plan_for(check(), 0, 1, bench.scheduler.wall_ahead_s or 0.0)
        now = clock.monotonic()
        last = plan.first_after(now) - 30.0  # two slots have passed since
        bench.scheduler.update([check()], {"a": last})
        await bench.let(35)
        assert bench.missed == {"a": 2}
        assert bench.starts["a"][0] == pytest.approx(plan.first_after(now), abs=0.01)
        assert set(bench.gaps()) == {10.0}

    run_moved(main)


def test_schedulers_that_share_how_far_the_wall_clock_is_ahead_share_their_slots() -> None:
    async def main(clock: MovedClock) -> None:
        first = Bench(clock)
        clock.set_wall(clock.wall() + 3.3)
        second = Scheduler(clock, first.run, lambda *_: None, wall_ahead_s=first.scheduler.wall_ahead_s)
        for scheduler in (first.scheduler, second):
            scheduler.update([check()], {"a": clock.monotonic()})
        assert first.scheduler.due_in_s("a") == second.due_in_s("a")
        assert first.scheduler.stands_at("a") == pytest.approx(clock.monotonic() + (second.due_in_s("a") or 0))

    run_moved(main)


def test_a_run_beside_the_slots_waits_for_the_one_under_way_and_leaves_the_slots_where_they_are() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock, run_s=2.0)
        bench.scheduler.update([check()])
        serving = asyncio.create_task(bench.scheduler.serve())
        await asyncio.sleep(20)
        await asyncio.sleep(bench.starts["a"][-1] + 11.0 - clock.monotonic())
        under_way = bench.starts["a"][-1]
        assert bench.running["a"] == 1
        began: list[float] = []

        async def beside(_: Check) -> None:
            began.append(clock.monotonic())
            assert bench.running["a"] == 0, "it overlaps the run that was under way"
            await asyncio.sleep(1.0)

        assert bench.scheduler.run_beside("a", beside)
        assert not bench.scheduler.run_beside("a", beside), "one at a time"
        assert not bench.scheduler.run_beside("b", beside), "there is no such check"
        await asyncio.sleep(35)
        assert began == [pytest.approx(under_way + 2.0, abs=0.1)]
        assert set(bench.gaps()[1:]) == {10.0}
        assert not bench.missed
        serving.cancel()

    run_moved(main)


def test_a_slot_that_comes_during_a_run_beside_it_is_as_good_as_taken() -> None:
    async def main(clock: MovedClock) -> None:
        bench = Bench(clock)
        bench.scheduler.update([check()])
        serving = asyncio.create_task(bench.scheduler.serve())
        await asyncio.sleep(25)
        runs = len(bench.starts["a"])
        assert bench.scheduler.run_beside("a", lambda _: asyncio.sleep(12))
        await asyncio.sleep(11)
        assert len(bench.starts["a"]) == runs
        await asyncio.sleep(30)
        assert set(bench.gaps()[-2:]) == {10.0}
        assert not bench.missed
        assert len(await bench.scheduler.stop(5.0)) == 0
        assert not bench.scheduler.run_beside("a", lambda _: asyncio.sleep(0)), "it has stopped"
        serving.cancel()

    run_moved(main)
