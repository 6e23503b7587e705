"""What leaves the prober on a status page: these values, and nothing else. Templates, feeds and badges get no others.

Every text in them was written for the public: in ``web.status_pages``, in an announcement, or here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from prober.history import Stretch


class State(StrEnum):
    """How something is; from bad to good."""

    OUTAGE = "major_outage"
    PARTIAL = "partial_outage"
    DEGRADED = "degraded"
    MAINTENANCE = "maintenance"
    NO_DATA = "no_data"
    OPERATIONAL = "operational"


WORDS = {
    State.OUTAGE: "Outage",
    State.PARTIAL: "Partial outage",
    State.DEGRADED: "Degraded",
    State.MAINTENANCE: "Maintenance",
    State.NO_DATA: "No data",
    State.OPERATIONAL: "Operational",
}
COLOURS = {
    State.OUTAGE: "down",
    State.PARTIAL: "down",
    State.DEGRADED: "degraded",
    State.MAINTENANCE: "maintenance",
    State.NO_DATA: "none",
    State.OPERATIONAL: "up",
}
"""The names of their colours."""
BADNESS = tuple(State)
BAD = (State.OUTAGE, State.PARTIAL, State.DEGRADED)


@dataclass(frozen=True, slots=True)
class PublicDay:
    """One bar."""

    date: str
    state: Stretch
    uptime: float | None
    """0 to 1; None where nothing is known of that day."""
    down_s: float
    maintenance_s: float


@dataclass(frozen=True, slots=True)
class PublicComponent:
    """One line of the page."""

    id: str
    name: str
    description: str
    state: State
    days: tuple[PublicDay, ...]
    """Oldest first, today the last."""
    uptime: dict[int, float | None]
    """By days, 7, 30 and 90: 0 to 1; None where nothing is known."""

    @property
    def word(self) -> str:
        return WORDS[self.state]

    @property
    def colour(self) -> str:
        return COLOURS[self.state]


@dataclass(frozen=True, slots=True)
class PublicGroup:
    """Components that are shown together; without a name those before all groups."""

    name: str
    description: str
    state: State
    components: tuple[PublicComponent, ...]

    @property
    def word(self) -> str:
        return WORDS[self.state]

    @property
    def colour(self) -> str:
        return COLOURS[self.state]


@dataclass(frozen=True, slots=True)
class PublicUpdate:
    """What was said of an incident at one moment."""

    id: str
    at: float
    state: str
    text: str
    """Plain."""
    html: str
    """The same, marked up; the only text that is not to be escaped again."""


@dataclass(frozen=True, slots=True)
class PublicIncident:
    """Something that people are to know: found by the checks, or announced."""

    id: str
    title: str
    kind: str
    """incident, or the kind of an announcement."""
    state: State
    """How bad it is, while it lasts."""
    since: float
    until: float | None
    components: tuple[str, ...]
    """The names of what it concerns; the whole page where empty."""
    updates: tuple[PublicUpdate, ...]
    """Newest first."""

    @property
    def over(self) -> bool:
        return self.until is not None

    @property
    def word(self) -> str:
        """What it is called: its kind, or that it is over."""
        if self.kind == "information":
            return "Information"
        if self.kind == "maintenance":
            return "Maintenance"
        return "Resolved" if self.over else WORDS[self.state] if self.state in BAD else "Notice"

    @property
    def colour(self) -> str:
        return "up" if self.over and self.kind not in ("information", "maintenance") else COLOURS[self.state]


@dataclass(frozen=True, slots=True)
class PublicMaintenance:
    """Maintenance that is planned or under way."""

    id: str
    title: str
    html: str
    """What is said of it, marked up; may be empty."""
    starts_at: float
    ends_at: float
    components: tuple[str, ...]
    """The names of what it concerns; the whole page where empty."""
    active: bool


@dataclass(frozen=True, slots=True)
class PublicPage:
    """A whole status page as of one moment."""

    id: str
    title: str
    description: str
    state: State
    sentence: str
    groups: tuple[PublicGroup, ...]
    current: tuple[PublicIncident, ...]
    """Those that go on, the worst first."""
    past: tuple[PublicIncident, ...]
    """Those that are over, the newest first."""
    maintenance: tuple[PublicMaintenance, ...]
    """The next to begin first."""
    at: float
    """When this was found out."""
    history_days: int

    @property
    def colour(self) -> str:
        return COLOURS[self.state]

    def components(self) -> Iterator[PublicComponent]:
        """All of them."""
        for group in self.groups:
            yield from group.components

    def component(self, component_id: str) -> PublicComponent | None:
        """The one of this public id."""
        return next((one for one in self.components() if one.id == component_id), None)


def overall(states: tuple[State, ...], incidents: tuple[PublicIncident, ...]) -> State:
    """How all of it is: an outage of everything, or of a part, or the worst there is else."""
    # What is announced of the whole page counts as if one component more were like that.
    everywhere = [one.state for one in incidents if not one.components and one.state in BAD]
    if State.OUTAGE in everywhere or (states and all(state is State.OUTAGE for state in states)):
        return State.OUTAGE
    seen = {*states, *everywhere}
    if State.OUTAGE in seen or State.PARTIAL in seen:
        return State.PARTIAL
    return next((state for state in BADNESS if state in seen), State.NO_DATA)


def sentence(state: State, states: tuple[State, ...]) -> str:
    """``state`` of the whole page in one sentence."""
    if state is State.NO_DATA and any(one is not State.NO_DATA for one in states):
        return "No known problems, but some systems are not being measured"
    return {
        State.OUTAGE: "Major outage",
        State.PARTIAL: "Partial outage",
        State.DEGRADED: "Degraded performance",
        State.MAINTENANCE: "Maintenance under way",
        State.NO_DATA: "No data at the moment",
        State.OPERATIONAL: "All systems operational",
    }[state]
