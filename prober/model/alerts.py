"""What changed, what it means for people, and what they are told of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from prober.model.verdicts import Reason, Verdict


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a check's state in one region, decided by ``state.advance``."""

    check_id: str
    region: str
    before: Verdict
    after: Verdict
    at: float
    """When the change was decided."""
    since: float
    """When what it tells began: the first failure of an outage, the first success of a recovery."""


class Condition(StrEnum):
    """What an incident is about; ``down`` is the one that pages, the others are told apart by every channel."""

    DOWN = "down"
    DEGRADED = "degraded"
    PARTIAL = "partial"
    """Failing for long in some regions, but in too few to be down."""
    UNMONITORED = "unmonitored"
    """Too few regions have looked lately to say anything."""
    SILENT = "silent"
    """A whole region has not been heard of."""
    BURNS_FAST = "burns_fast"
    """An objective's budget of failures is being used up within hours or a few days."""
    BURNS_SLOWLY = "burns_slowly"
    """The same, before its window is over."""
    PROBER = "prober"
    """The prober itself is in trouble; its subject is ``prober``, never a check."""


class NoticeKind(StrEnum):
    """What a notice tells of its incident."""

    TRIGGER = "trigger"
    UPDATE = "update"
    """What was told has changed: flapping has begun, or more has joined what is down together."""
    REMINDER = "reminder"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Notice:
    """What one channel is told of one incident; plain values only, since it is stored before it is sent."""

    id: str
    """Unique per notice and channel: the idempotency key."""
    kind: NoticeKind
    incident_id: str
    check_id: str
    """The check, or what else the incident is about: ``prober``, or a region that fell silent."""
    title: str
    region: str
    """The region whose run completed what is told, or the only one there is."""
    target: str
    severity: str
    reason: str
    message: str
    """One line: what was seen, or on a resolve how long it lasted."""
    since: float
    """When the outage began."""
    at: float
    """When what is told happened: the trigger's decision, or the recovery."""
    failures: int = 0
    expected: tuple[tuple[str, str, str], ...] = field(default=())
    """(expectation, expected, seen) of what did not hold."""
    runbook: str | None = None
    tags: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    """(kind, URL) of what explains the failure."""
    condition: Condition = Condition.DOWN
    regions_down: tuple[str, ...] = ()
    regions_up: tuple[str, ...] = ()
    """Where it fails and where it does not; both empty where one region is all there is."""
    step: str = ""
    """The step of a journey that failed."""
    phases: tuple[tuple[str, float], ...] = ()
    """(phase, seconds) of the failing run."""
    last_good: float | None = None
    """When the latest good run began; None when there was none."""
    trace: str = ""
    """The trace id (W3C) of the failing run; empty where nothing was traced."""
    actions: tuple[tuple[str, str], ...] = ()
    """(label, URL) of pages that ask before they do anything: acknowledge, silence."""
    members: tuple[tuple[str, str, str], ...] = ()
    """(check id, title, message) of all that is told at once, where more than one is."""
    note: str = ""
    """A remark of the prober's own: how this view came about, or why it comes by this channel."""
    fallback: str = ""
    """The channel that is told instead where this one cannot be."""
    test: bool = False
    """Sent by hand to try a channel."""

    @property
    def dedup_key(self) -> str:
        """The same for every notice of one incident, so that a service can join them."""
        return f"{self.check_id}/{self.incident_id}"


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that people are to know of a check, from its beginning until nothing of it is left to tell."""

    id: str
    check_id: str
    """The check, or what else it is about; see ``Notice.check_id``."""
    region: str
    """The region whose own view it is; empty where several regions decide together."""
    condition: Condition
    reason: Reason
    message: str
    opened_at: float
    """When it began, which for an outage is its first failure."""
    decided_at: float
    """When that was decided; waits and escalations count from here."""
    notice: Notice
    """What its trigger says."""
    closed_at: float | None = None
    """When it was over: for an outage, the first success of its recovery."""
    finished: bool = False
    """Nothing is left to tell; until then a new outage of the check goes on with this incident."""
    channels: tuple[str, ...] = ()
    """Those that were told, and are to be told of the end."""
    told_at: float | None = None
    """When it was first told; None while it is held back."""
    spared: tuple[str, ...] = ()
    """Channels that know it already from elsewhere, and are told neither the beginning nor the end."""
    led_by: str = ""
    """The incident in whose notice this one was told, and whose resolve stands for its own."""
    acked_at: float | None = None
    acked_by: str = ""
    reminded: tuple[tuple[str, float], ...] = ()
    """(channel, when it was last told)."""
    held: str = ""
    """Why nothing is told at the moment; empty while it may be."""
    flapping: bool = False
    """Whether people were told that it comes and goes."""
    version: int = 0
    """Counts its changes: who writes it must know the latest."""

    @property
    def key(self) -> tuple[str, str, Condition]:
        """At no time are there two unfinished incidents with the same one."""
        return (self.check_id, self.region, self.condition)


class HushKind(StrEnum):
    """Why nothing is told for a while."""

    MAINTENANCE = "maintenance"
    """Planned: excluded from uptime."""
    SILENCE = "silence"
    """Somebody wants quiet; the outage still counts."""


@dataclass(frozen=True, slots=True)
class Hush:
    """A stretch of time in which nothing is told of some checks; they are measured and stored all the same."""

    id: str
    kind: HushKind
    starts_at: float
    ends_at: float
    checks: tuple[str, ...] = ()
    """Ids, or patterns with ``*`` as in a shell; with ``tags`` empty too, all checks."""
    tags: tuple[str, ...] = ()
    reason: str = ""
    by: str = ""
    public: str = ""
    """What status pages say of it; without it, only when it is and what it concerns."""

    def covers(self, check_id: str, tags: Collection[str]) -> bool:
        """Whether it is meant for the check of this id and with these tags."""
        if not self.checks and not self.tags:
            return True
        return any(fnmatchcase(check_id, pattern) for pattern in self.checks) or not set(self.tags).isdisjoint(tags)
