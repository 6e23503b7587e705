"""Every question about the past, answered from the store. May take a moment: ask from a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from prober.history.words import Bucket, Budget, Day, Event, IncidentQuery, Page, Query, Span, Uptime
from prober.model import Check, Incident
from prober.store import StoredResult


class History(Protocol):
    """Raises StoreFault while the store is away. A region of "" is all of them together, as it was decided."""

    def regions(self, check_id: str) -> tuple[str, ...]:
        """Where it was ever run, sorted."""
        ...

    def spans(self, check_id: str, region: str, since: float, until: float) -> tuple[Span, ...]:
        """The whole time, without a gap, oldest first; maintenance lies over what was measured in it."""
        ...

    def uptime(self, check_id: str, region: str, since: float, until: float) -> Uptime: ...

    def days(self, check_ids: Sequence[str], region: str, count: int) -> Mapping[str, tuple[Day, ...]]:
        """The latest ``count`` days of each check, oldest first, today the last."""
        ...

    def latency(self, check_id: str, region: str, since: float, until: float, points: int) -> tuple[Bucket, ...]:
        """At most ``points`` buckets of one width, oldest first; with those that have no runs."""
        ...

    def sparklines(
        self, check_ids: Sequence[str], since: float, until: float, points: int
    ) -> Mapping[str, tuple[Bucket, ...]]:
        """The same for many checks at once, over all regions, without phases."""
        ...

    def results(self, query: Query) -> Page: ...

    def run(self, run_id: str) -> StoredResult | None:
        """The result of a run, whoever's check it is of."""
        ...

    def last_good(self, result: StoredResult) -> StoredResult | None:
        """The latest good run of the same check and region before ``result``."""
        ...

    def incidents(self, check_id: str | None, since: float, until: float, limit: int = 100) -> tuple[Incident, ...]:
        """Those that lasted at some time between; newest first."""
        ...

    def incident(self, incident_id: str) -> Incident | None:
        """The one of this very id."""
        ...

    def incident_page(self, query: IncidentQuery) -> tuple[Incident, ...]:
        """Those that are asked for, newest first."""
        ...

    def timeline(self, incident: Incident) -> tuple[Event, ...]:
        """What happened in it, oldest first: failures, transitions, notices and what became of them, answers, notes."""
        ...

    def budget(self, check: Check, now: float) -> Budget | None:
        """None where the check has no objective."""
        ...
