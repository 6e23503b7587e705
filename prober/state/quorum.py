"""What several regions say of one check together. Pure.

Only a region heard of lately has a vote. A check is down where enough of these say so: for ``majority`` more than half,
never exactly half. Where fewer than that fail it is partial; where too few were heard to tell, unmonitored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prober.model import Quorum, Verdict
from prober.state.region import State


class Outlook(StrEnum):
    """How a check stands over all regions."""

    UP = "up"
    DEGRADED = "degraded"
    PARTIAL = "partial"
    DOWN = "down"
    UNMONITORED = "unmonitored"
    """Too few regions were heard of lately."""
    UNKNOWN = "unknown"
    """Nothing has been settled yet."""

    @property
    def telling(self) -> bool:
        """Whether it says anything of the check: neither opens nor ends an incident where it does not."""
        return self not in (Outlook.UNMONITORED, Outlook.UNKNOWN)


@dataclass(frozen=True, slots=True)
class View:
    """What the regions say together."""

    outlook: Outlook
    since: float = 0.0
    """When what it says began: for down, the first failure that made the quorum; for partial, the first failure, or
    the recovery that left too few of them."""
    down: tuple[str, ...] = ()
    up: tuple[str, ...] = ()
    """Regions heard of lately, by what they say; degraded ones are up."""
    absent: tuple[str, ...] = ()
    """Regions that should have a vote and were not heard of lately."""
    wavering: bool = False
    """Whether it may be down after a few more runs: regions that fail, but not for long enough yet, would tip it."""


def needed(quorum: Quorum, votes: int) -> int:
    """How many of ``votes`` must say down."""
    if quorum == "majority":
        return votes // 2 + 1
    if quorum == "any":
        return 1
    # One that decides alone, or of fewer regions than the number says, would else never see it down.
    return max(1, votes if quorum == "all" else min(int(quorum), votes))


def enough(quorum: Quorum, regions: int) -> int:
    """Of how many of ``regions`` one must have heard lately to say anything."""
    if quorum == "any":
        return 1
    if quorum in ("majority", "all"):
        return regions // 2 + 1
    return min(int(quorum), max(1, regions))


def weigh(states: Mapping[str, State], fresh: Collection[str], expected: Collection[str], quorum: Quorum) -> View:
    """What the ``fresh`` ones among ``states`` (by region) say, where votes of the ``expected`` regions count."""
    heard = {region: states[region] for region in sorted(expected) if region in states and region in fresh}
    settled = {region: state for region, state in heard.items() if state.verdict is not Verdict.UNKNOWN}
    absent = tuple(region for region in sorted(expected) if region not in heard)
    down = tuple(region for region, state in settled.items() if state.verdict is Verdict.DOWN)
    up = tuple(region for region in settled if region not in down)
    if len(heard) < enough(quorum, len(expected)):
        return View(Outlook.UNMONITORED if states else Outlook.UNKNOWN, 0.0, down, up, absent)
    need = needed(quorum, len(heard))
    if len(down) < need <= len(down) + len(heard) - len(settled):
        return View(Outlook.UNKNOWN, 0.0, down, up, absent)  # those that have not settled yet will tip it
    outlook = _outlook(settled, need)
    failing = sum(state.failures > 0 for region, state in settled.items() if region not in down)
    wavering = 0 < len(down) < need <= len(down) + failing
    return View(outlook, _since(outlook, settled, need), down, up, absent, wavering)


def _outlook(settled: Mapping[str, State], need: int) -> Outlook:
    verdicts = [state.verdict for state in settled.values()]
    failing = verdicts.count(Verdict.DOWN)
    if failing >= need:
        return Outlook.DOWN
    if failing:
        return Outlook.PARTIAL
    return Outlook.DEGRADED if verdicts.count(Verdict.DEGRADED) >= need else Outlook.UP


def _since(outlook: Outlook, settled: Mapping[str, State], need: int) -> float:
    saying = {Outlook.DOWN: Verdict.DOWN, Outlook.PARTIAL: Verdict.DOWN, Outlook.DEGRADED: Verdict.DEGRADED}
    wanted = saying.get(outlook)
    since = sorted(s.since or 0.0 for s in settled.values() if wanted is None or s.verdict is wanted)
    if outlook in (Outlook.DOWN, Outlook.DEGRADED):
        return since[need - 1]
    if outlook is Outlook.PARTIAL:
        # It was down until so many came back that the others were too few.
        back = sorted((s.since or 0.0 for s in settled.values() if s.verdict is not Verdict.DOWN), reverse=True)
        lacking = need - len(since)
        return max(since[0], back[lacking - 1]) if lacking <= len(back) else since[0]
    return since[-1]
