"""Pools of workers: when they are started, replaced and refused, and that nothing outlives them. No browser here."""

import asyncio
import os
import signal
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fakes.browsing import left_over

from prober.faults import ProbeError
from prober.journey import find_journey
from prober.journey.cores import share_out, usable_cores
from prober.journey.memory import headroom_bytes, limit_bytes, oom_kills, tree_bytes
from prober.journey.order import job_of
from prober.journey.pool import Pool, open_pool
from prober.journey.process import Worker
from prober.journey.slots import MEBI, PoolStats, Upkeep
from prober.log import Log
from prober.model import Observation, Reason
from prober.probes.api import COMMAND

HEAD = "import os, time\nfrom prober import journey, measure\n"
TELLS_PID = "@journey\nasync def tell():\n    measure('pid', os.getpid())\n"


async def run(pool: Pool, home: Path, source: str = TELLS_PID, within_s: float = 15.0) -> Observation:
    file = home / f"told_{len(source)}.py"
    file.write_text(HEAD + textwrap.dedent(source))
    declaration = find_journey(str(file))
    job = job_of(declaration, params={}, env=(), environ={}, check_id="x", run_id="r", artifacts=None)
    return await pool.run(job, within_s, Log())


async def pid(pool: Pool, home: Path) -> int:
    seen = await run(pool, home)
    assert seen.failure is None
    return int(seen.measures[0].value)


async def until(pool: Pool, holds: Callable[[PoolStats], bool]) -> PoolStats:
    for _ in range(1500):
        if holds(stats := pool.stats()):
            return stats
        await asyncio.sleep(0.01)
    raise AssertionError(pool.stats())


def pooled(upkeep: Upkeep, use: Callable[[Pool], Awaitable[None]], slots: int = 1) -> None:
    async def main() -> None:
        async with open_pool(COMMAND, {}, dict(os.environ), slots, upkeep) as pool:
            await use(pool)

    asyncio.run(main())
    assert left_over() == []


def test_a_warm_pool_starts_its_first_worker_before_anybody_asks(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        stats = await until(pool, lambda stats: stats.starts == 1 and stats.busy == 0)
        assert (stats.slots, stats.workers, stats.runs) == (2, 1, 0)
        assert await pid(pool, tmp_path) == await pid(pool, tmp_path)
        assert (pool.stats().starts, pool.stats().runs) == (1, 2)
        assert 0 < pool.stats().start_s < 15

    pooled(Upkeep(warm=True), use, slots=2)


def test_a_worker_is_replaced_after_its_runs_and_the_old_one_stays_until_the_new_is_ready(tmp_path: Path) -> None:
    most: list[int] = []

    async def use(pool: Pool) -> None:
        async def watch() -> None:
            while True:
                most.append(pool.stats().workers)
                await asyncio.sleep(0)

        watching = asyncio.ensure_future(watch())
        first = await pid(pool, tmp_path)
        assert await pid(pool, tmp_path) == first
        assert await pid(pool, tmp_path) != first  # it waits for the replacement, and is not started cold
        watching.cancel()
        assert dict(pool.stats().recycled) == {"runs": 1}
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)

    pooled(Upkeep(runs=2), use)
    assert max(most) == 2


def test_a_replacement_that_cannot_be_had_leaves_the_old_worker_in_service(tmp_path: Path) -> None:
    room = [1 << 40]

    async def use(pool: Pool) -> None:
        first = await pid(pool, tmp_path)
        room[0] = 10 * MEBI
        assert await pid(pool, tmp_path) == first
        await until(pool, lambda stats: stats.refused == 1)
        assert await pid(pool, tmp_path) == first
        assert dict(pool.stats().recycled) == {}

    pooled(Upkeep(runs=2, headroom=lambda: room[0]), use)


def test_idle_workers_are_replaced_when_they_are_old_or_were_killed(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        first = await pid(pool, tmp_path)
        await until(pool, lambda stats: stats.recycled.get("age", 0) == 1)
        second = await pid(pool, tmp_path)
        assert second != first
        os.kill(second, signal.SIGKILL)
        await until(pool, lambda stats: stats.recycled.get("gone", 0) == 1 and stats.busy == 0)
        assert await pid(pool, tmp_path) != second

    pooled(Upkeep(warm=True, age_s=2.0, look_every_s=0.1), use)


def test_a_worker_that_takes_too_much_memory_is_replaced_first_ended_where_there_is_no_room_for_two(
    tmp_path: Path,
) -> None:
    rooms = iter([1 << 40, 10 * MEBI])

    async def use(pool: Pool) -> None:
        first = await pid(pool, tmp_path)
        stats = await until(pool, lambda stats: stats.recycled.get("memory", 0) >= 1 and stats.busy == 0)
        assert stats.refused == 1
        assert await pid(pool, tmp_path) != first

    pooled(Upkeep(memory_bytes=MEBI, look_every_s=0.1, headroom=lambda: next(rooms, 1 << 40)), use)


def test_a_worker_that_grows_to_twice_its_first_size_is_replaced(tmp_path: Path) -> None:
    leak = "import builtins\n@journey\nasync def leak():\n    builtins.kept = bytearray(os.urandom(1 << 20) * 120)\n"

    async def use(pool: Pool) -> None:
        await pid(pool, tmp_path)
        await until(pool, lambda stats: stats.memory_bytes > 0)
        assert (await run(pool, tmp_path, leak)).failure is None
        await until(pool, lambda stats: stats.recycled.get("memory", 0) == 1)

    pooled(Upkeep(look_every_s=0.05), use)


def test_a_run_that_memory_allows_no_worker_is_unknown_and_says_so_in_one_line(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        with pytest.raises(ProbeError) as caught:
            await run(pool, tmp_path)
        assert caught.value.reason is Reason.OUT_OF_MEMORY
        assert caught.value.reason.ours
        assert caught.value.message == "not enough memory: starting it takes 384 MiB and 100 MiB are left"
        assert pool.stats().refused == 1
        assert pool.stats().busy == 0

    pooled(Upkeep(needed_bytes=384 * MEBI, headroom=lambda: 100 * MEBI), use)


def test_a_crash_is_blamed_on_memory_when_the_kernel_killed_meanwhile(tmp_path: Path) -> None:
    counts = iter([3, 3, 4])
    killed = "import signal\n@journey\nasync def killed():\n    os.kill(os.getpid(), signal.SIGKILL)\n"

    async def use(pool: Pool) -> None:
        seen = await run(pool, tmp_path, killed)
        assert seen.failure is not None
        assert seen.failure.reason is Reason.OUT_OF_MEMORY
        assert "SIGKILL" in seen.failure.message

    pooled(Upkeep(oom_kills=lambda: next(counts)), use)


def test_a_worker_killed_from_outside_is_ours_and_the_next_run_gets_another(tmp_path: Path) -> None:
    killed = "import signal\n@journey\nasync def killed():\n    os.kill(os.getpid(), signal.SIGKILL)\n"

    async def use(pool: Pool) -> None:
        seen = await run(pool, tmp_path, killed)
        assert seen.failure is not None
        assert (seen.failure.reason, pool.stats().recycled["unfit"]) == (Reason.INTERNAL, 1)
        await pid(pool, tmp_path)

    pooled(Upkeep(), use)


def test_journeys_over_the_slots_wait_and_none_is_run_twice_at_once_in_a_worker(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        seen = await asyncio.gather(*(run(pool, tmp_path) for _ in range(5)))
        assert [one.failure for one in seen] == [None] * 5
        assert pool.stats().starts == 2
        with pytest.raises(ProbeError, match="no worker was free in time"):
            await asyncio.gather(*(run(pool, tmp_path, HANGS, 3.0) for _ in range(2)), run(pool, tmp_path, within_s=1))
        assert pool.stats().busy >= 1

    pooled(Upkeep(), use, slots=2)


HANGS = "@journey\nasync def hang():\n    while True: pass\n"


def test_a_closed_pool_leaves_nothing_also_when_it_was_starting(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        return None

    pooled(Upkeep(warm=True), use)


def test_a_start_that_is_cancelled_at_any_moment_leaves_nothing() -> None:
    async def cancelled_after(turns: int) -> None:
        starting = asyncio.ensure_future(Worker.start(COMMAND, dict(os.environ)))
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        for worker in await asyncio.gather(starting, return_exceptions=True):
            if isinstance(worker, Worker):
                await worker.kill()

    for turns in range(12):
        asyncio.run(cancelled_after(turns))
        assert left_over() == []


def test_slots_share_all_cores_but_the_first() -> None:
    def shares(cores: int, slots: int) -> list[set[int]]:
        return [set(share) for share in share_out(frozenset(range(cores)), slots)]

    assert shares(1, 2) == [set(), set()]
    assert shares(2, 1) == [{1}]
    assert shares(2, 3) == [{1}, {1}, {1}]
    assert shares(4, 3) == [{1}, {2}, {3}]
    assert shares(8, 2) == [{1, 3, 5, 7}, {2, 4, 6}]
    assert share_out(frozenset({4, 6}), 1) == [frozenset({6})]


@pytest.mark.parametrize(("quota", "cores"), [("150000 100000", 1), ("max 100000", None), ("nonsense", None)])
def test_a_quota_of_time_counts_as_so_many_cores(tmp_path: Path, quota: str, cores: int | None) -> None:
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text(quota)
    assert usable_cores(tmp_path) == (cores or len(os.sched_getaffinity(0)))


def system(place: Path, cgroup: str, **files: str) -> Path:
    """A system as the kernel would show it, with 8 GiB of memory of which 6 are left."""
    for name, text in {
        "proc/self/cgroup": cgroup,
        "proc/meminfo": "MemTotal:  8388608 kB\nMemAvailable:  6291456 kB\n",
        "proc/vmstat": "oom_kill 7\n",
        **{name.replace("__", "/"): text for name, text in files.items()},
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


def test_memory_is_bounded_by_the_tightest_cgroup_around_us(tmp_path: Path) -> None:
    group = "sys/fs/cgroup"
    place = system(tmp_path, "0::/pod/app\n")
    for name, limit, used in (("pod", 2048, 1000), ("pod/app", "max", 900)):
        directory = place / group / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "memory.max").write_text(f"{limit * MEBI if limit != 'max' else limit}\n")
        (directory / "memory.current").write_text(f"{used * MEBI}\n")
        (directory / "memory.stat").write_text(f"anon 5\ninactive_file {100 * MEBI}\n")
        (directory / "memory.events").write_text("oom 2\noom_kill 2\n")
    assert limit_bytes(place) == 2048 * MEBI
    assert headroom_bytes(place) == (2048 - 1000 + 100) * MEBI
    assert oom_kills(place) == 2


def test_version_1_of_cgroups_is_read_too_also_inside_a_container(tmp_path: Path) -> None:
    memory = "sys/fs/cgroup/memory"
    place = system(tmp_path, "9:name=systemd:/\n4:memory:/docker/not-visible\n0::/\n")
    (place / memory).mkdir(parents=True)
    (place / memory / "memory.limit_in_bytes").write_text(f"{512 * MEBI}\n")
    (place / memory / "memory.usage_in_bytes").write_text(f"{500 * MEBI}\n")
    (place / memory / "memory.stat").write_text(f"total_inactive_file {20 * MEBI}\n")
    (place / memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    assert (limit_bytes(place), headroom_bytes(place), oom_kills(place)) == (512 * MEBI, 32 * MEBI, 1)


def test_without_cgroups_the_machine_itself_is_asked(tmp_path: Path) -> None:
    place = system(tmp_path, "0::/\n")
    assert (limit_bytes(place), headroom_bytes(place), oom_kills(place)) == (8192 * MEBI, 6144 * MEBI, 7)
    assert headroom_bytes() > 0
    assert tree_bytes(os.getpid()) > MEBI
