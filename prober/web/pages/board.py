"""What the overview shows: put together at most once a second for all who look, from what has not changed since."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool

from prober.faults import Retryable
from prober.model import Check, Condition, Incident, format_lasting
from prober.web.making import ours
from prober.web.pages.frame import Pages
from prober.web.pages.past import Past, Told, look_back
from prober.web.view import Health, Row

LOOK_S = 1.0
PAST_S = 60.0
"""Bars and sparklines move slowly."""
FIRST_S = 2.0
"""Then a page without them is better than none."""
MOST_INCIDENTS = 20
"""Shown above the checks; the others have their own page."""
ORDER = ("down", "partial", "unknown", "degraded", "maintenance", "up")
"""The worst first: that is what someone who opens the page is looking for."""


READY = Health(True)


@dataclass(frozen=True, slots=True)
class Entry:
    """One check, ready to be shown."""

    check_id: str
    name: str
    state: str
    kind: str
    tags: tuple[str, ...]
    regions: Mapping[str, str]
    """The state in each region."""
    html: str
    told: tuple[Any, ...]
    """What is worth telling those who look on; times and charts are not."""
    words: str
    """What a search looks in, in small letters."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything as of one moment."""

    at: float
    version: int = 0
    """Another one for everything that is worth telling."""
    entries: tuple[Entry, ...] = ()
    """The worst first."""
    incidents: tuple[Incident, ...] = ()
    """Those that are open, the worst first."""
    counts: Mapping[str, int] = field(default_factory=dict)
    ready: Health = READY
    incidents_html: str = ""
    counts_html: str = ""

    @property
    def title(self) -> str:
        down = self.counts.get("down", 0)
        return f"{down} down" if down else "all up" if set(self.counts) <= {"up"} and self.counts else "overview"


class Board:
    """Looks when asked, and no more often than once a second; used on the web's loop only."""

    def __init__(self, pages: Pages) -> None:
        self._view = pages.view
        self._parts: Any = pages.environment.get_template("rows.html").module
        self._picture: Picture | None = None
        self._looked_at = float("-inf")
        self._past = Past()
        self._past_at = float("-inf")
        self._looking_back: asyncio.Task[None] | None = None
        self._entries: dict[str, tuple[tuple[Any, ...], Entry]] = {}
        self._told: object = None
        self._version = int(self._view.clock.wall()) * 1_000  # not one that a prober before us had

    async def look(self) -> Picture:
        """What there is to be seen. Who asks first waits for the history for a while, nobody else does."""
        self._refresh_past()
        if self._past_at == float("-inf") and self._looking_back is not None:
            await asyncio.wait({self._looking_back}, timeout=FIRST_S)
        now = self._view.clock.monotonic()
        if self._picture is None or now - self._looked_at >= LOOK_S:
            self._picture, self._looked_at = self._look(), now
        return self._picture

    def _refresh_past(self) -> None:
        due = self._view.clock.monotonic() - self._past_at >= PAST_S
        if self._view.history is not None and due and self._looking_back is None:
            self._looking_back = asyncio.create_task(self._look_back())

    async def _look_back(self) -> None:
        ids = [row.check_id for row in self._view.snapshot()]
        try:
            if self._view.history is not None:
                now = self._view.clock.wall()
                self._past = await run_in_threadpool(look_back, self._view.history, ids, now, self._past)
        except Retryable:
            pass  # what was known stays; the store's absence is told elsewhere
        finally:
            self._past_at, self._looking_back = self._view.clock.monotonic(), None
            self._looked_at = float("-inf")

    def _look(self) -> Picture:
        view = self._view
        now, rows, checks = view.clock.wall(), view.snapshot(), {check.id: check for check in view.checks()}
        incidents = [one for one in view.incidents() if one.closed_at is None]
        of_check: dict[str, list[Incident]] = {}
        for incident in incidents:
            of_check.setdefault(incident.check_id, []).append(incident)
        entries = [self._entry(row, checks.get(row.check_id), of_check.get(row.check_id, ()), now) for row in rows]
        self._entries = {entry.check_id: self._entries[entry.check_id] for entry in entries}
        entries.sort(key=lambda entry: (ORDER.index(entry.state), entry.name.lower()))
        counts = {state: sum(entry.state == state for entry in entries) for state in ORDER}
        counts = {state: count for state, count in counts.items() if count}
        incidents.sort(key=_urgency)
        told = (tuple(entry.told for entry in entries), tuple(incidents))
        if told != self._told:
            self._told, self._version = told, self._version + 1
        return Picture(
            now,
            self._version,
            tuple(entries),
            tuple(incidents),
            counts,
            view.ready(),
            ours(self._parts.incidents(incidents[:MOST_INCIDENTS], len(incidents), now)),
            ours(self._parts.counts(counts, len(entries))),
        )

    def _entry(self, row: Row, check: Check | None, incidents: Sequence[Incident], now: float) -> Entry:
        state = overall(row, incidents)
        began = _began(row, state, incidents)
        since = "" if began is None else format_lasting(_coarse(now - began))
        past = self._past.told.get(row.check_id, Told())
        seen = row.message if state != "up" or row.undecided else ""
        reason = row.reason if seen else None
        known_past = row.check_id in self._past.told
        told = (row.check_id, state, row.title, reason, seen, row.undecided, row.regions, row.maintenance, known_past)
        key = (told, since, past, check)
        known = self._entries.get(row.check_id)
        if known is not None and known[0] == key:
            return known[1]
        regions = {region: str(at) for region, at in row.regions} or {
            self._view.region: "maintenance" if row.maintenance else str(row.state)
        }
        tags = check.tags if check is not None else ()
        html = ours(self._parts.row(row, state, since, past, tags, regions if len(regions) > 1 else {}, seen))
        words = " ".join((row.check_id, row.title, row.kind, row.target, *tags)).lower()
        entry = Entry(row.check_id, row.title or row.check_id, state, row.kind, tags, regions, html, told, words)
        self._entries[row.check_id] = (key, entry)
        return entry


def overall(row: Row, incidents: Iterable[Incident]) -> str:
    """The state of a check over all its regions: one that fails in too few of them to be down is ``partial``."""
    if row.maintenance:
        return "maintenance"
    if len(row.regions) < 2:
        return str(row.state)
    if any(incident.condition is Condition.DOWN for incident in incidents):
        return "down"
    states = {str(state) for _, state in row.regions}
    if "down" in states:
        return "partial" if len(states) > 1 else "down"
    return next((state for state in ORDER if state in states), "unknown")


def _began(row: Row, state: str, incidents: Sequence[Incident]) -> float | None:
    """Since when it is like this: what fails in some regions only has no beginning of its own but its incident's."""
    if state != "partial":
        return row.since
    return min((incident.opened_at for incident in incidents), default=None)


def _urgency(incident: Incident) -> tuple[bool, bool, int, float]:
    return (
        bool(incident.held),
        incident.acked_at is not None,
        list(Condition).index(incident.condition),
        -incident.opened_at,
    )


def _coarse(seconds: float) -> float:
    """To the minute: what is shown is not made anew each second."""
    return max(0.0, seconds) if seconds < 60 else seconds // 60 * 60
