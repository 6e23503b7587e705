"""What goes into the store and comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prober.faults import Retryable
from prober.model import Hush, Incident, Notice, Reason, Result, Transition, Verdict


class StoreFault(Retryable):
    """The store did not take or give what it was asked: locked, full, damaged or away. Later may go better."""


TICK_S = 1e-5
"""What durations are counted in where many of them are kept in little room."""


@dataclass(slots=True)
class LeftOut:
    """Uneventful runs that have no row of their own; the next one that is kept stands for them."""

    first_at: float
    last_at: float
    """When the first and the last of them began."""
    ticks: list[int] = field(default_factory=list)
    """How long each took, in ``TICK_S``."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction writes: all of it or nothing."""

    writer: str
    """Who writes; a writer's batches follow one another."""
    token: str
    """Unique per batch: one that was committed although that failed visibly is not written twice."""
    results: tuple[Result, ...] = ()
    states: tuple[Mapping[str, Any], ...] = ()
    """Plain dicts with at least check_id, region, verdict, last_at and stale_s; the latest of each check and region."""
    transitions: tuple[Transition, ...] = ()
    forgotten: tuple[tuple[str, str], ...] = ()
    """(check id, region) whose state is dropped."""
    stands_for: Mapping[str, int] = field(default_factory=dict)
    """By run id: how many uneventful runs its row stands for, where that is more than its own."""
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    """By run id: what these others were."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one region last said of one check."""

    check_id: str
    region: str
    state: Mapping[str, Any]
    """As it was written."""
    heard_at: float
    """When its latest run ended that counts, by the store's clock."""
    stale_at: float
    """When it is too old to count."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a decision looks at, beside every incident that is not finished."""

    check_ids: frozenset[str]
    """Checks of which something has changed."""
    ancestors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By check id: the checks it depends on, however indirectly; their votes are needed with its own."""
    region: str | None = None
    """Whose votes are looked at, and who standings are kept for; None for all, where regions decide together."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a decision rests on, as of one moment of the store."""

    now: float
    """By the store's clock, which all regions share."""
    votes: Mapping[str, Mapping[str, Vote]]
    """By check id, then region: of every check in scope, of every unfinished incident, of every check with a stale
    vote, and of the ancestors of all these."""
    standings: Mapping[str, Mapping[str, Any]]
    """By check id: what was decided of it last, as it was written; missing where nothing was."""
    incidents: tuple[Incident, ...]
    """All that are not finished, oldest first."""
    hushes: tuple[Hush, ...]
    """Those that have not ended."""
    regions: Mapping[str, float]
    """By region: when it was last heard of."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a snapshot, written in the transaction that it was taken in."""

    standings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By check id: plain dicts; None would be no standing, so what ends is written as such."""
    incidents: tuple[Incident, ...] = ()
    """New or changed ones; ``version`` is the one they were read with."""
    notices: tuple[tuple[str, Notice], ...] = ()
    """(channel, notice) in the order they are to be sent. One whose id is there already is not written again."""
    transitions: tuple[Transition, ...] = ()
    """Changes decided by several regions together; their region is empty."""
    forgotten: tuple[str, ...] = ()
    """Check ids whose standing is dropped."""
    gone: tuple[str, ...] = ()
    """Regions that nobody expects to hear of any more."""

    def __bool__(self) -> bool:
        changes = (self.standings, self.incidents, self.notices, self.transitions, self.forgotten, self.gone)
        return any(changes)


Decide = Callable[[Snapshot], Decision]
"""Pure; may be asked twice."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result as it was kept: the words of the check as it was then, not the check itself."""

    check_id: str
    region: str
    run_id: str
    started_at: float
    duration_s: float
    verdict: Verdict
    reason: Reason
    message: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    """phases, facts, outcomes, steps, measures and artifacts; ``cut`` where it was too long to keep."""
    runs: int = 1
    """How many runs it stands for: itself, and the uneventful ones before it that were not kept."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many runs there were that say something of their target, and how many of them failed."""

    runs: int = 0
    bad: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.runs + other.runs, self.bad + other.bad)

    def __sub__(self, other: Count) -> Count:
        # What came in between two looks is in the later one only.
        return Count(max(0, self.runs - other.runs), max(0, self.bad - other.bad))


@dataclass(frozen=True, slots=True)
class Failing:
    """Where a check failed of late, and what was seen last."""

    regions: tuple[str, ...]
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A notice for one channel, and how its delivery stands."""

    id: str
    channel: str
    notice: Notice
    attempts: int
    due_at: float
    status: str
    detail: str
    """The latest error, or what the service answered."""
    orphaned: bool = False
    """An earlier notice of its incident was given up on this channel and none was sent: nobody there knows of it."""
    reference: str = ""
    """What the service called it, for later notices of its incident."""
    earlier: str = ""
    """The reference of the incident's first notice that was sent on this channel."""
    superseded: bool = False
    """A later notice of its incident waits behind it, so that a reminder has become pointless."""
