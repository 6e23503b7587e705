"""The places of a pool, who is in them, and when the one in it has served long enough."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prober.journey.memory import headroom_bytes, oom_kills
from prober.journey.process import Worker

MEBI = 1 << 20
REST_S = 60.0  # after a replacement that failed, before the next is tried


@dataclass(frozen=True, slots=True)
class Upkeep:
    """When workers are replaced, and what it takes to start one."""

    warm: bool = False
    """Whether a worker is started before the first run, and another as soon as one was lost."""
    pinned: bool = True
    """Whether workers have cores of their own."""
    runs: int = 50
    age_s: float = 3600.0
    """Give or take a tenth, so that workers started together are not replaced together."""
    memory_bytes: int = 1536 * MEBI
    growth: float = 2.0
    """How many times what it first took a worker may take."""
    needed_bytes: int = 64 * MEBI
    """What must be left before another one is started."""
    look_every_s: float = 30.0
    headroom: Callable[[], int] = headroom_bytes
    oom_kills: Callable[[], int | None] = oom_kills

    def killed_since(self, before: int | None) -> bool:
        """Whether the kernel has killed for want of memory since ``oom_kills`` was ``before``."""
        now = self.oom_kills()
        return before is not None and now is not None and now > before


@dataclass(frozen=True, slots=True)
class PoolStats:
    """What a pool is and has done since it was opened."""

    slots: int
    busy: int
    workers: int
    """Processes that are up, busy or idle."""
    runs: int
    starts: int
    start_s: float
    """Seconds the last start took, until its worker could take a journey."""
    start_total_s: float
    recycled: Mapping[str, int]
    """Workers that were ended, by why: runs, age, memory, unfit (a crash or a hang), gone (ended by itself)."""
    refused: int
    """Starts that memory did not allow."""
    memory_bytes: int
    """What the workers took when they were last looked at."""
    kills: int = 0
    """Runs that were cut at their deadline."""


@dataclass(slots=True, eq=False)
class Slot:
    """A place for one worker."""

    cores: frozenset[int]
    worker: Worker | None = None
    since: float = field(default_factory=time.monotonic)
    """When its worker came."""
    lasts_s: float = 0.0
    """How old its worker may get."""
    first_bytes: int = 0
    last_bytes: int = 0
    looked_at_runs: int = -1
    rests_until: float = 0.0
    """No replacement is tried before."""

    def fill(self, worker: Worker | None, upkeep: Upkeep) -> Worker | None:
        """Put ``worker`` in; returns the one that was in it."""
        former, self.worker = self.worker, worker
        self.since, self.lasts_s = time.monotonic(), upkeep.age_s * (0.9 + secrets.randbelow(201) / 1000)
        self.first_bytes = self.last_bytes = 0
        self.looked_at_runs = -1
        return former

    def note(self, size_bytes: int, runs: int) -> None:
        """Remember what the worker took after ``runs`` runs."""
        self.first_bytes = self.first_bytes or size_bytes
        self.last_bytes, self.looked_at_runs = size_bytes, runs

    def worn(self, upkeep: Upkeep) -> str | None:
        """Why its worker should be replaced; None for one that is good, or that is not to be tried again yet."""
        now = time.monotonic()
        if now < self.rests_until:
            return None
        if self.worker is None or not self.worker.alive:
            return "gone" if upkeep.warm and self.worker else None
        if self.worker.runs >= upkeep.runs:
            return "runs"
        if now - self.since >= self.lasts_s:
            return "age"
        if self.last_bytes > min(upkeep.memory_bytes, upkeep.growth * self.first_bytes or upkeep.memory_bytes):
            return "memory"
        return None


class Slots:
    """Lends slots, those with a worker first and the one used last before the others."""

    def __init__(self, shares: Iterable[frozenset[int]]) -> None:
        self.all = tuple(Slot(cores) for cores in shares)
        self._free = list(reversed(self.all))
        self._places = asyncio.Semaphore(len(self.all))

    @property
    def free(self) -> tuple[Slot, ...]:
        return tuple(self._free)

    async def take(self) -> Slot:
        """Wait for a slot; first come, first served."""
        await self._places.acquire()
        warm = [slot for slot in self._free if slot.worker is not None and slot.worker.alive]
        slot = (warm or self._free)[-1]
        self._free.remove(slot)
        return slot

    async def take_this(self, slot: Slot) -> bool:
        """Take ``slot`` if it is free and nobody waits for one."""
        if slot not in self._free or self._places.locked():
            return False
        await self._places.acquire()  # at once, as it is not locked
        self._free.remove(slot)
        return True

    def give_back(self, slot: Slot) -> None:
        self._free.append(slot)
        self._places.release()
