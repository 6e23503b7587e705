"""When checks run: fixed-rate slots on the monotonic clock, cron on the calendar, one run of a check at a time.

A check's slots are ``phase + k * interval`` on a grid that hangs on 1970 UTC, so that they stay where they were over
restarts and the regions' slots interleave. The grid is tied to the monotonic clock once, at start: a wall clock that
is set later moves nothing.

    interval 30 s, two regions, hash puts the check at 4 s
    eu-west-1   4      34      64      94
    us-east-1     19      49      79
    undecided   4  19  34  49  64          re-checks stand on the half-interval slots

A slot that could not be taken is counted as missed, never made up for.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from prober.clock import Clock
from prober.log import Log
from prober.model import Check
from prober.probes import Flight
from prober.schedule.freshness import freshness_s
from prober.schedule.slots import Plan, Slot, fraction, next_recheck, next_slot, plan_for

__all__ = ["Plan", "Scheduler", "Slot", "fraction", "freshness_s", "next_recheck", "next_slot", "plan_for"]

FIRST_RUNS_WITHIN_S = 15.0  # the first runs are spread over this or the interval, whichever is shorter
TURN_S = 0.002  # between two looks at the slots: at a thousand a second, waking up for each costs more than it gains
TAKEN_AT_ONCE = 8  # of slots that are all late: runs that are under way must get their turn, and first
CRON_GRACE_S = 60  # a cron fire that comes later than this is missed, not run


@dataclass(slots=True)
class _Entry:
    check: Check
    plan: Plan
    last: float | None = None
    due: float = math.inf
    ended: float = -math.inf
    undecided: bool = False
    run: asyncio.Task[None] | Flight | None = None
    beside: Beside | None = None
    """A run off the slots that somebody asked for, and that waits for the one under way to end."""
    is_beside: bool = False
    """Whether the one under way is such a run."""


Beside = Callable[[Check], Awaitable[None]]
"""(check) -> when it ran."""

Begin = Callable[[Check, float, Callable[[], None]], Flight | None]
"""(check, slot, ended) -> a run that needs no task and calls ``ended`` later, once; None where it needs one."""


def _never(check: Check, slot: float, ended: Callable[[], None]) -> Flight | None:
    return None


Run = Callable[[Check, float, float], Awaitable[bool]]
"""(check, slot, until) -> whether it ran; ``until`` is the next slot, at which waiting for a place is given up."""


@dataclass(slots=True)
class Scheduler:
    """Starts every check on its slots; ``run`` does the work, ``on_missed`` hears of slots nobody took."""

    clock: Clock
    run: Run
    on_missed: Callable[[str, int], None]
    region_index: int = 0
    regions: int = 1
    begin: Begin = _never
    log: Log = field(default_factory=Log)
    wall_ahead_s: float | None = None
    """The wall clock minus the monotonic one, to which the grid is tied; None: as it is now."""
    beat: float = 0.0
    """When the scheduler last looked at its slots, on the monotonic clock; stands still when it is stuck."""
    _entries: dict[str, _Entry] = field(default_factory=dict)
    _leaving: dict[str, _Entry] = field(default_factory=dict)
    _heap: list[tuple[float, int, str]] = field(default_factory=list)
    _ticket: Iterator[int] = field(default_factory=itertools.count)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _timer: asyncio.TimerHandle | None = None
    _wakes_at: float = -math.inf
    """When the timer goes off; never later than the first slot. Before the start it is not set by anybody."""
    _calendar: Any = None
    _stopping: bool = False

    def __post_init__(self) -> None:
        if self.wall_ahead_s is None:
            self.wall_ahead_s = self.clock.wall() - self.clock.monotonic()
        self.beat = self.clock.monotonic()

    def update(self, checks: Iterable[Check], since: Mapping[str, float] = MappingProxyType({})) -> None:
        """Make ``checks`` the ones that run. What did not change keeps its slots and its run in progress.

        ``since`` tells until when another scheduler took a check's slots: it goes on from there, and those that have
        passed meanwhile are missed.
        """
        wanted = {check.id: check for check in checks if check.enabled}
        for check_id in self._entries.keys() - wanted.keys():
            self._remove(check_id)
        for check in wanted.values():
            self._place(check, since.get(check.id))

    def set_undecided(self, check_id: str, undecided: bool) -> None:
        """Say whether the check's state waits for confirmation, and so for a re-check between its slots."""
        entry = self._entries.get(check_id)
        if entry is None or entry.undecided == undecided:
            return
        entry.undecided = undecided
        if entry.run is None:
            self._arm(entry)

    def due_in_s(self, check_id: str) -> float | None:
        """Seconds until the check's next slot; None for one that is not on slots or not known."""
        entry = self._entries.get(check_id)
        return entry.due - self.clock.monotonic() if entry and entry.due < math.inf else None

    def stands_at(self, check_id: str) -> float | None:
        """The slot the check runs for or waits for, on the monotonic clock; None where it does neither."""
        entry = self._entries.get(check_id)
        if entry is None:
            return None
        return entry.last if entry.run is not None else entry.due if entry.due < math.inf else None

    async def serve(self) -> None:
        """Take slots until cancelled or stopped."""
        try:
            self._turn()
            await self._stopped.wait()
        finally:
            self._set_timer(None)

    def _turn(self) -> None:
        """Take what is due. A callback on a timer, not a task: at a thousand slots a second waking one is dear."""
        self.beat = now = self.clock.monotonic()
        self._wakes_at = -math.inf  # while slots are taken, those that are added need no timer of their own
        pause_s = 0.0
        try:
            for _ in range(TAKEN_AT_ONCE):
                if not self._heap or self._heap[0][0] > now:
                    break
                pause_s = TURN_S
                due, _, check_id = heapq.heappop(self._heap)
                entry = self._entries.get(check_id)
                if entry is not None and entry.due == due:
                    self._take(entry, due, now)
        finally:
            if not self._stopping:
                first = self._heap[0][0] if self._heap else math.inf
                self._set_timer(max(now + pause_s, min(now + 1.0, first)))

    def _set_timer(self, at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._wakes_at = None, -math.inf
        if at is not None:
            wait_s = max(0.0, at - self.clock.monotonic())
            self._timer, self._wakes_at = asyncio.get_running_loop().call_later(wait_s, self._turn), at

    async def stop(self, grace_s: float) -> list[str]:
        """Take no more slots, let runs end for up to ``grace_s``, cancel the rest; returns the ids of those."""
        self._stopping = True
        self._stopped.set()
        if self._calendar is not None:
            self._calendar.shutdown(wait=False)
        entries = [*self._entries.values(), *self._leaving.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while any(entry.run is not None for entry in entries):
                    self._ended.clear()
                    await self._ended.wait()
        late = [(entry.check.id, entry.run) for entry in entries if entry.run is not None]
        for _, run in late:
            run.cancel()
        await asyncio.gather(*(run for _, run in late if isinstance(run, asyncio.Task)), return_exceptions=True)
        return [check_id for check_id, _ in late]

    async def _fire(self, check_id: str) -> None:
        # A coroutine function: the calendar runs plain ones in a thread, where nothing can be started.
        self.fire(check_id)

    def fire(self, check_id: str) -> None:
        """Run a check now, off its slots: what the calendar calls."""
        entry = self._entries.get(check_id)
        if entry is None or self._stopping:
            return
        now = self.clock.monotonic()
        if entry.run is not None:
            if not entry.is_beside:
                self.on_missed(check_id, 1)
            return
        self._start(entry, now, now + entry.check.timeout)

    def run_beside(self, check_id: str, run: Beside) -> bool:
        """Run a check off its slots, now or when the run under way has ended; False where it does not run here, or
        such a run was asked for already.

        Its slots stay what they are; one that comes while this goes on is as good as taken.
        """
        entry = self._entries.get(check_id)
        if entry is None or self._stopping or entry.beside is not None or entry.is_beside:
            return False
        if entry.run is None:
            self._start_beside(entry, run)
        else:
            entry.beside = run
        return True

    def _start_beside(self, entry: _Entry, run: Beside) -> None:
        entry.beside, entry.is_beside = None, True
        entry.run = task = asyncio.create_task(self._run_beside(entry, run), name=f"check {entry.check.id}")
        task.add_done_callback(self._report)

    async def _run_beside(self, entry: _Entry, run: Beside) -> None:
        try:
            await run(entry.check)
        finally:
            self._end(entry, True, math.inf)

    def _place(self, check: Check, since: float | None) -> None:
        plan = plan_for(check, self.region_index, self.regions, self.wall_ahead_s or 0.0)
        entry = self._entries.get(check.id)
        if entry is None:
            # One that left while it ran comes back with that run, so that it never overlaps itself.
            entry = self._leaving.pop(check.id) if check.id in self._leaving else _Entry(check, plan)
            self._entries[check.id] = entry
            moved = True
        elif entry.check == check and entry.plan == plan:
            return
        else:
            moved = (entry.check.interval, entry.check.schedule) != (check.interval, check.schedule)
            if moved:
                self._leave_calendar(entry.check)
        entry.check, entry.plan = check, plan
        if moved:
            self._set_out(entry, since)
        elif entry.run is None:
            self._arm(entry)

    def _set_out(self, entry: _Entry, since: float | None) -> None:
        """Give a new or moved entry its first run, spread over the checks, or its next where another began."""
        entry.due = math.inf
        if entry.check.schedule is not None:
            self._enter_calendar(entry.check)
        elif since is not None and entry.last is None:
            entry.last = since
            self._arm(entry)
        elif entry.run is None:
            now = self.clock.monotonic()
            spread_s = fraction(entry.check.id) * min(entry.check.interval, FIRST_RUNS_WITHIN_S)
            self._push(entry, min(entry.plan.first_after(now), now + spread_s))

    def _enter_calendar(self, check: Check) -> None:
        from apscheduler.triggers.cron import CronTrigger

        self._open_calendar().add_job(
            self._fire,
            CronTrigger.from_crontab(check.schedule, timezone=check.timezone),
            args=[check.id],
            id=check.id,
            replace_existing=True,
            misfire_grace_time=CRON_GRACE_S,
            coalesce=True,
            max_instances=1,
        )

    def _leave_calendar(self, check: Check) -> None:
        if check.schedule is not None:
            self._calendar.remove_job(check.id)

    def _open_calendar(self) -> Any:
        if self._calendar is None:
            from apscheduler.events import EVENT_JOB_MISSED
            from apscheduler.schedulers.asyncio import AsyncIOScheduler

            self._calendar = AsyncIOScheduler(timezone="UTC")
            self._calendar.add_listener(lambda event: self.on_missed(event.job_id, 1), EVENT_JOB_MISSED)
            self._calendar.start()
        return self._calendar

    def _remove(self, check_id: str) -> None:
        entry = self._entries.pop(check_id)
        self._leave_calendar(entry.check)
        if entry.run is not None:
            self._leaving[check_id] = entry

    def _push(self, entry: _Entry, due: float) -> None:
        entry.due = due
        heapq.heappush(self._heap, (due, next(self._ticket), entry.check.id))
        if due < self._wakes_at:
            self._set_timer(due)

    def _arm(self, entry: _Entry) -> None:
        """Set the entry's next slot after its run ended or its state came in."""
        now = self.clock.monotonic()
        if entry.last is None or entry.due <= now:
            return  # its first run is still to come, or its slot is about to be taken
        due = math.inf
        if entry.check.schedule is None:
            slot = next_slot(entry.plan, now, entry.last)
            due = slot.at
            if slot.missed:
                self.on_missed(entry.check.id, slot.missed)
                entry.last = entry.plan.first_after(entry.last) + (slot.missed - 1) * entry.plan.interval_s
        if entry.undecided:
            due = min(due, max(now, next_recheck(entry.plan, entry.ended).at))
        if due != entry.due:
            entry.due = due
            if due < math.inf:
                self._push(entry, due)

    def _take(self, entry: _Entry, due: float, now: float) -> None:
        entry.due = math.inf
        if entry.run is None:
            self._start(entry, due, entry.plan.first_after(max(due, now)))
        elif entry.is_beside and entry.check.schedule is None:
            entry.last = due

    def _start(self, entry: _Entry, slot: float, until: float) -> None:
        if entry.last is None:
            # The first run stands off the grid; it also stands for a slot that comes before it must have ended.
            slot = max(slot, entry.plan.first_after(slot + entry.check.timeout) - entry.plan.interval_s)
        entry.last = slot
        entry.run = self.begin(entry.check, slot, lambda: self._end(entry, True, until))
        if entry.run is None:
            entry.run = task = asyncio.create_task(self._run(entry, slot, until), name=f"check {entry.check.id}")
            task.add_done_callback(self._report)

    async def _run(self, entry: _Entry, slot: float, until: float) -> None:
        ran = True
        try:
            ran = await self.run(entry.check, slot, until)
        finally:
            self._end(entry, ran, until)

    def _end(self, entry: _Entry, ran: bool, until: float) -> None:
        entry.run, entry.is_beside = None, False
        entry.ended = self.clock.monotonic()
        if self._entries.get(entry.check.id) is entry:
            self._go_on(entry, ran, until)
            if entry.beside is not None and entry.run is None and not self._stopping:
                self._start_beside(entry, entry.beside)
        elif self._leaving.get(entry.check.id) is entry:
            del self._leaving[entry.check.id]
        self._ended.set()

    def _go_on(self, entry: _Entry, ran: bool, until: float) -> None:
        """After a run, or after it was given up at the next slot, which then is its own chance."""
        if not ran:
            self.on_missed(entry.check.id, 1)
        if self._stopping:
            return
        if not ran and entry.check.schedule is None:
            self._push(entry, until)
        else:
            self._arm(entry)

    def _report(self, run: asyncio.Task[None]) -> None:
        """No run dies unseen, whatever the code around it did."""
        if not run.cancelled() and (error := run.exception()) is not None:
            self.log.error("a run broke off", task=run.get_name(), exc_info=error)
