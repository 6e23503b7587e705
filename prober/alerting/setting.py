"""What decisions rest on beside the store: the configuration, and what this prober knows of itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from prober.alerting.burns import BURNS, Burns
from prober.model import Check, Condition, Incident, Result, Severity, Verdict

SILENT_AFTER_S = 120.0
"""Beyond what a restart or a slow network explains."""
TEXT_CHARS = 500
EXPECTATIONS = 10
EVIDENCE = 6
PROBER = "prober"
UNMONITORED = "unmonitored"
REGION = "region."
"""What incidents are about that are about no check; the region's name follows the last one."""

ALONE = " (alone)"

CHECKED = (Condition.DOWN, Condition.DEGRADED, Condition.PARTIAL, *BURNS)
"""What an incident can be about that is about a check."""

GroupBy = Literal["all", "tag", "parent", "severity"]


class Escalation(Protocol):
    """Who else is told when nobody has acknowledged for a while."""

    @property
    def after(self) -> float: ...
    @property
    def channels(self) -> Sequence[str]: ...


class Route(Protocol):
    """Which incidents go to which channels."""

    @property
    def channels(self) -> Sequence[str]: ...
    @property
    def fallback(self) -> str | None: ...
    @property
    def go_on(self) -> bool:
        """Whether routes after this one are looked at too where this one fits."""
        ...

    @property
    def remind_every(self) -> float | None: ...
    @property
    def escalate(self) -> Sequence[Escalation]: ...
    @property
    def timed(self) -> bool:
        """Whether it fits at some times and not at others, so that it may come to fit later."""
        ...

    def takes(self, check: Check, severity: Severity, regions: Collection[str], now: float) -> bool:
        """Whether an incident of ``check`` in ``regions`` takes this route at ``now``."""
        ...


class Window(Protocol):
    """A maintenance window of the configuration."""

    @property
    def reason(self) -> str: ...
    def selects(self, check: Check) -> bool: ...
    def active(self, now: float) -> bool: ...


class Grouping(Protocol):
    """How what goes down together is told together."""

    @property
    def wait(self) -> float: ...
    @property
    def by(self) -> GroupBy: ...


@dataclass(frozen=True, slots=True)
class Sighting:
    """What this region's latest bad run of a check saw, as notices tell it."""

    message: str = ""
    expected: tuple[tuple[str, str, str], ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    phases: tuple[tuple[str, float], ...] = ()
    step: str = ""
    trace: str = ""

    @classmethod
    def of(cls, result: Result) -> Sighting:
        """What ``result`` saw, cut to what fits a message."""
        seen = result.observation
        linked = [(artifact.kind, artifact.url) for artifact in seen.artifacts if artifact.url]
        failed = [step.name for step in seen.steps if step.verdict is Verdict.DOWN]
        unmet = [o for o in result.outcomes if o.verdict is not Verdict.UP][:EXPECTATIONS]
        return cls(
            message=cut(result.message),
            expected=tuple((o.expectation, cut(o.expected), cut(o.seen)) for o in unmet),
            evidence=tuple(linked[-EVIDENCE:]),  # of several tries the last one knows most
            phases=tuple((name, value) for name, value in seen.phases.items() if name != "total"),
            step=cut(failed[0]) if failed else "",
            trace=str(seen.facts.get("trace_id", "")),
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """As of one decision."""

    region: str
    """Where this prober runs."""
    checks: Mapping[str, Check]
    """All that are watched: in every region where regions decide together, else in this one."""
    routes: tuple[Route, ...]
    new_id: Callable[[], str]
    channels: tuple[str, ...] = ()
    """Who is told of what is about no check; whoever a route leads to, where there are none."""
    freshness_s: Callable[[Check], float] = lambda check: 2 * check.interval + check.timeout
    """For how long after its last run a region's word on a check counts."""
    regions: tuple[str, ...] = ()
    """All that decide together; empty where this prober decides alone."""
    spare: bool = False
    """Whether the store is away, so that what is decided is this region's own view for the time being."""
    windows: tuple[Window, ...] = ()
    grouping: Grouping | None = None
    contact_since: float = 0.0
    """Since when the store was in reach without a break: what was not heard before that proves nothing."""
    silent_after_s: float = SILENT_AFTER_S
    """For how long nothing may be heard of a region before that is told."""
    troubles: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with this prober, in a line each."""
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    """By check id, of this region."""
    burns: Mapping[str, Burns] = field(default_factory=dict)
    """By check id: how fast those with an objective use up their budgets, where that is counted here."""
    spared: Mapping[tuple[str, Condition], Collection[str]] = field(default_factory=dict)
    """By check id and condition: channels that know of it from elsewhere."""
    absent_from: float = 0.0
    """Since when the store was away the last time; a region that was not there since may have seen other things."""
    name: str = ""
    """What this prober's own troubles go by, where several share its region; its region's name where missing."""
    note: str = ""
    """What every notice says of how this view came about."""
    links: Callable[[Incident], tuple[tuple[str, str], ...]] = lambda _: ()
    """The pages to acknowledge or silence an incident."""

    @property
    def scope(self) -> str:
        """Whose incidents of checks are opened and ended: this region's, or nobody's where all decide together."""
        return "" if self.regions else self.own

    @property
    def own(self) -> str:
        """The name under which this region has incidents; another while the store is away, so that none is mixed up."""
        return self.region + ALONE if self.spare else self.region

    @property
    def shared(self) -> bool:
        """Whether this region's checks are spread over several probers."""
        return self.name not in ("", self.region)

    @property
    def ourselves(self) -> str:
        """The name under which this prober's own troubles are incidents: those of another shard are not its own."""
        name = self.name or self.region
        return name + ALONE if self.spare else name

    def concerns(self, incident: Incident) -> bool:
        """Whether decisions made here are about ``incident``: another prober's is not, unless all decide together."""
        return bool(self.regions) or incident.region.removesuffix(ALONE) in (self.region, self.name or self.region)

    def expected(self, check: Check) -> tuple[str, ...]:
        """The regions whose votes count for ``check``."""
        if not self.regions:
            return (self.region,)
        return tuple(region for region in self.regions if check.regions is None or region in check.regions)


def matter(check_id: str, condition: Condition) -> str:
    """What people know or do not know of, whichever incident they were told of it by."""
    return f"{check_id} {condition.value}"


def cut(text: str) -> str:
    """``text`` at a length that fits any message."""
    return text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…"
