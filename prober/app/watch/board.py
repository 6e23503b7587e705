"""What ``prober watch`` shows, as values: incidents that are open, and a line for each check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

ORDER = ("down", "partial", "degraded", "unknown", "up")
"""The worst first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One check."""

    check_id: str
    state: str
    """One of ``ORDER``."""
    title: str = ""
    tags: tuple[str, ...] = ()
    since: float | None = None
    last_at: float | None = None
    """When its latest run ended, or began where that is all that is known."""
    latency_s: float | None = None
    spark: tuple[float | None, ...] = ()
    """How long runs took of late, oldest first; None for a while without one."""
    uptime: float | None = None
    """0 to 1, over ``Board.uptime_of``."""
    note: str = ""
    """What was seen last, where it is not up, or how far it is from changing."""

    def has(self, words: Sequence[str]) -> bool:
        """Whether every one of ``words`` is in its id, title, tags or state."""
        text = " ".join((self.check_id, self.title, self.state, *self.tags)).lower()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One incident that is open."""

    check_id: str
    condition: str
    severity: str
    opened_at: float
    message: str
    state: str
    """How it stands, in words."""
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """All of it at a moment."""

    source: str
    """Where it comes from, in a word or two."""
    now: float
    lines: tuple[Line, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    uptime_of: str = "30d"
    fault: str = ""
    """Why it is not newer than it is."""
    counts: dict[str, int] = field(default_factory=dict)


def board(source: str, now: float, lines: Iterable[Line], troubles: Iterable[Trouble], uptime_of: str) -> Board:
    """A board in the order people look at it: what is wrong first, what is newest of that."""
    found = sorted(lines, key=lambda line: (ORDER.index(line.state), -(line.since or 0.0) * (line.state != "up")))
    ups = sorted((line for line in found if line.state == "up"), key=lambda line: line.check_id)
    counts = {state: sum(line.state == state for line in found) for state in ORDER}
    open_ = sorted(troubles, key=lambda trouble: (not trouble.critical, -trouble.opened_at))
    ordered = (*(line for line in found if line.state != "up"), *ups)
    return Board(source, now, ordered, tuple(open_), uptime_of, counts=counts)


def together(states: Iterable[str]) -> str:
    """What regions say together: down where all do, partial where some."""
    found = set(states)
    if "down" in found:
        return "down" if len(found) == 1 else "partial"
    return next((state for state in ORDER if state in found), "unknown")
