"""A past that is told outright: what every check was when, and the incidents of it; answers as ``History`` does."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from prober.faults import Retryable
from prober.history import Bucket, Day, Span, Stretch, Uptime
from prober.model import Incident

DAY_S = 86_400.0


@dataclass
class Past:
    """Spans by check; what none covers is up. Counts what it is asked."""

    now: float
    told: dict[str, list[Span]] = field(default_factory=dict)
    kept: list[Incident] = field(default_factory=list)
    p95_s: float | None = 0.25
    away: bool = False
    asked: int = 0
    gate: threading.Event | None = None
    """Answers wait until it is set."""

    def was(self, check_id: str, state: Stretch, start: float, end: float) -> None:
        """Have it been like that."""
        self.told.setdefault(check_id, []).append(Span(state, start, end))

    def spans(self, check_id: str, region: str, since: float, until: float) -> tuple[Span, ...]:
        self._ask()
        found, at = list[Span](), since
        for span in sorted(self.told.get(check_id, ()), key=lambda one: one.start):
            start, end = max(span.start, at), min(span.end, until)
            if end <= start:
                continue
            if start > at:
                found.append(Span(Stretch.UP, at, start))
            found.append(Span(span.state, start, end))
            at = end
        return (*found, Span(Stretch.UP, at, until)) if at < until else tuple(found)

    def uptime(self, check_id: str, region: str, since: float, until: float) -> Uptime:
        seconds: dict[Stretch, float] = {}
        for span in self.spans(check_id, region, since, until):
            seconds[span.state] = seconds.get(span.state, 0.0) + span.end - span.start
        return Uptime(since, until, seconds)

    def uptimes(self, check_id: str, region: str, since: Sequence[float], until: float) -> tuple[Uptime, ...]:
        return tuple(self.uptime(check_id, region, start, until) for start in since)

    def days(self, check_ids: Sequence[str], region: str, count: int) -> Mapping[str, tuple[Day, ...]]:
        today = datetime.fromtimestamp(self.now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        starts = [today - timedelta(days=back) for back in reversed(range(count))]
        return {
            check_id: tuple(
                Day(
                    start.strftime("%Y-%m-%d"),
                    self.uptime(
                        check_id, region, start.timestamp(), min(self.now, (start + timedelta(days=1)).timestamp())
                    ),
                )
                for start in starts
            )
            for check_id in check_ids
        }

    def incidents(self, check_id: str | None, since: float, until: float, limit: int = 100) -> tuple[Incident, ...]:
        self._ask()
        found = [
            one
            for one in self.kept
            if check_id in (None, one.check_id)
            and one.opened_at < until
            and (one.closed_at is None or one.closed_at > since)
        ]
        return tuple(sorted(found, key=lambda one: -one.opened_at)[:limit])

    def latency(self, check_id: str, region: str, since: float, until: float, points: int) -> tuple[Bucket, ...]:
        self._ask()
        return (Bucket(since, until - since, 10, 10, self.p95_s, self.p95_s, self.p95_s),)

    def _ask(self) -> None:
        self.asked += 1
        if self.gate is not None:
            self.gate.wait(10)
        if self.away:
            raise Retryable("the store is away")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a status page has no business asking for {name}")
