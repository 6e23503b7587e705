"""The grids of slots as pure functions of a check and the clocks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from hashlib import blake2b

from prober.model import Check
from prober.values import record


@dataclass(frozen=True, slots=True)
class Plan:
    """A grid of slots on the monotonic clock, in seconds."""

    interval_s: float
    phase_s: float

    def halved(self) -> Plan:
        """The same grid with a slot between every two, for re-checks."""
        return replace(self, interval_s=self.interval_s / 2)

    def first_after(self, at: float) -> float:
        """The first slot later than ``at``."""
        turns = math.floor((at - self.phase_s) / self.interval_s + 1e-9) + 1
        return self.phase_s + turns * self.interval_s


@record(frozen=True, slots=True)
class Slot:
    """A time to run at, and how many were passed over before it."""

    at: float
    missed: int = 0


def fraction(text: str) -> float:
    """A number in [0, 1) that ``text`` always gets, evenly spread over texts."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) / 2**64


def plan_for(check: Check, region_index: int, regions: int, wall_ahead_s: float) -> Plan:
    """The check's grid; ``wall_ahead_s`` is the wall clock minus the monotonic one when the prober started."""
    share = fraction(check.id) + region_index / max(1, regions)
    return Plan(check.interval, (share * check.interval - wall_ahead_s) % check.interval)


def next_slot(plan: Plan, now: float, last: float | None) -> Slot:
    """The first slot later than ``now``; those since ``last`` (None: nothing ran yet) are missed. Pure."""
    if last is None:
        return Slot(plan.first_after(now))
    following = plan.first_after(last)
    passed = max(0, math.floor((now - following) / plan.interval_s + 1e-9) + 1)
    return Slot(following + passed * plan.interval_s, passed)


def next_recheck(plan: Plan, ended: float) -> Slot:
    """Where an undecided check runs next: the first half-interval slot after its last run ended. Pure."""
    return Slot(plan.halved().first_after(ended))
