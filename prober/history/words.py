"""What is said of the past: stretches in one state, uptime over them, latency by bucket, what an objective leaves.

Times are wall seconds since 1970, UTC. A region of "" is all regions together, as it was decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from prober.store import StoredResult


class Stretch(StrEnum):
    """What a check was for a while. Only ``down`` is downtime; the last three are time that says nothing."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"
    """The prober itself failed."""
    MAINTENANCE = "maintenance"
    NO_DATA = "no_data"
    """Nobody looked: before the first run, and while no prober ran."""


GOOD = (Stretch.UP, Stretch.DEGRADED)


@dataclass(frozen=True, slots=True)
class Span:
    """One state, from ``start`` until ``end``."""

    state: Stretch
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Uptime:
    """How the time from ``since`` until ``until`` was spent."""

    since: float
    until: float
    seconds: Mapping[Stretch, float]
    """By state; those that did not come about may be missing."""
    runs: int = 0
    """Runs that say something of the target: neither unknown nor in maintenance."""
    good: int = 0
    """Of these, the up and degraded ones."""

    @property
    def ratio(self) -> float | None:
        """Uptime, 0 to 1: good time in that which says something; None where none does."""
        good = sum(self.seconds.get(state, 0.0) for state in GOOD)
        known = good + self.seconds.get(Stretch.DOWN, 0.0)
        return good / known if known > 0 else None

    @property
    def reachability(self) -> float | None:
        """The share of runs that were good, 0 to 1; None where there were none."""
        return self.good / self.runs if self.runs else None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of UTC, a bar of ninety."""

    date: str
    """As ``2026-12-24``."""
    uptime: Uptime

    @property
    def worst(self) -> Stretch:
        """What a bar is coloured by: downtime if there was any, else what most of the day was."""
        seconds = {state: seconds for state, seconds in self.uptime.seconds.items() if seconds > 0}
        for state in (Stretch.DOWN, Stretch.DEGRADED):
            if state in seconds:
                return state
        return max(seconds, key=lambda state: seconds[state], default=Stretch.NO_DATA)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Latency over a while; quantiles of runs that were up or degraded, in seconds, None where there were none."""

    start: float
    width_s: float
    runs: int
    good: int
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    """The mean of each phase, in the order they come in a run."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which results are asked for, newest first."""

    check_id: str
    region: str | None = None
    verdicts: tuple[str, ...] = ()
    """Any when empty."""
    since: float | None = None
    until: float | None = None
    before: int | None = None
    """A cursor: what ``Page.next`` of the page before said."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Some results, and how to get at those that follow."""

    results: tuple[StoredResult, ...]
    next: int | None = None
    """None where there are no more."""


@dataclass(frozen=True, slots=True)
class IncidentQuery:
    """Which incidents are asked for, newest first."""

    check_id: str | None = None
    closed: bool | None = None
    condition: str | None = None
    since: float | None = None
    """Those that lasted after this ..."""
    until: float | None = None
    """... and had begun before that."""
    before: tuple[float, str] | None = None
    """A cursor: when the last one of the page before was opened, and its id."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Event:
    """One line of what happened in an incident."""

    at: float
    kind: str
    """failed, confirmed, opened, told, acked, silenced, note, recovered, closed, ..."""
    text: str
    """One line for people; a note has those it was written in."""
    ok: bool = True
    """Whether it went well: a notice that was not delivered did not."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What an objective leaves to fail, and how fast that is used up."""

    objective: float
    """Percent."""
    window_s: float
    left: float | None
    """The share of the budget that is left, 1 to below 0; None where nothing is known."""
    burn: Mapping[str, float] = field(default_factory=dict)
    """By window, ``1h`` and so on: how many times as fast as allowed it was used up then."""
    gone_at: float | None = None
    """When it is used up if it goes on like in the last hours; None where it is not in sight."""
