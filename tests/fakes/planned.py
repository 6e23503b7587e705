"""The past as planned: answers what ``prober.history.History`` does, without a store, and always the same."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fakes.plans import DAY, DEGRADED, DOWN, MINUTE, NO_DATA, NOW, UNKNOWN, UP, Plan
from prober.history import Bucket, Budget, Day, Event, Page, Query, Span, Stretch, Uptime
from prober.model import Check, Incident, Reason, Verdict
from prober.store import StoredResult

PHASES = {"resolve": 0.04, "connect": 0.1, "tls": 0.22, "processing": 0.52, "transfer": 0.12}


@dataclass
class PlannedHistory:
    """Answers from plans, as ``prober.history.History`` does from a store."""

    plans: tuple[Plan, ...]
    asked: list[str] = field(default_factory=list)

    def _plan(self, check_id: str) -> Plan:
        return next(plan for plan in self.plans if plan.check.id == check_id)

    def regions(self, check_id: str) -> tuple[str, ...]:
        return tuple(sorted(self._plan(check_id).pieces))

    def spans(self, check_id: str, region: str, since: float, until: float) -> tuple[Span, ...]:
        found = self._plan(check_id).spans[region]
        clipped = (Span(one.state, max(one.start, since), min(one.end, until)) for one in found)
        return tuple(one for one in clipped if one.start < one.end)

    def uptime(self, check_id: str, region: str, since: float, until: float) -> Uptime:
        seconds: dict[Stretch, float] = {}
        for span in self.spans(check_id, region, since, until):
            seconds[span.state] = seconds.get(span.state, 0.0) + span.end - span.start
        runs = int(sum(seconds.get(state, 0.0) for state in (UP, DEGRADED, DOWN)) / MINUTE)
        failed = int(seconds.get(DOWN, 0.0) / MINUTE) + runs // 4_000  # single failures decide nothing
        return Uptime(since, until, seconds, runs, max(0, runs - failed))

    def uptimes(self, check_id: str, region: str, since: Sequence[float], until: float) -> tuple[Uptime, ...]:
        return tuple(self.uptime(check_id, region, start, until) for start in since)

    def days(self, check_ids: Sequence[str], region: str, count: int) -> Mapping[str, tuple[Day, ...]]:
        self.asked.append(f"days {count}")
        midnight = NOW // DAY * DAY
        starts = [midnight - ago * DAY for ago in range(count - 1, -1, -1)]
        return {
            check_id: tuple(
                Day(
                    datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%d"),
                    self.uptime(check_id, region, start, min(NOW, start + DAY)),
                )
                for start in starts
            )
            for check_id in check_ids
        }

    def latency(self, check_id: str, region: str, since: float, until: float, points: int) -> tuple[Bucket, ...]:
        plan, width = self._plan(check_id), (until - since) / points
        spans = plan.spans[region]
        return tuple(self._bucket(plan, spans, since + index * width, width) for index in range(points))

    def sparklines(
        self, check_ids: Sequence[str], since: float, until: float, points: int
    ) -> Mapping[str, tuple[Bucket, ...]]:
        return {check_id: self.latency(check_id, "", since, until, points) for check_id in check_ids}

    def _bucket(self, plan: Plan, spans: Sequence[Span], start: float, width: float) -> Bucket:
        seen = next((one for one in spans if one.start <= start + width / 2 < one.end), None)
        runs = max(1, int(width / MINUTE))
        if seen is None or seen.state in (NO_DATA, UNKNOWN):
            return Bucket(start, width, 0, 0)
        if seen.state is DOWN:
            return Bucket(start, width, runs, 0)
        p50 = plan.p50_s * wave(plan.check.id, start) * (1.5 if seen.state is DEGRADED else 1.0)
        phases = {name: p50 * share * 1.05 for name, share in PHASES.items()}
        return Bucket(start, width, runs, runs, p50, p50 * 1.6, p50 * 2.2, {**phases, "total": p50 * 1.05})

    def results(self, query: Query) -> Page:
        plan = self._plan(query.check_id)
        regions = [query.region] if query.region else self.regions(query.check_id)
        first, found = query.before if query.before is not None else 10_000, []
        for number in range(first - 1, -1, -1):
            run = self._result(plan, regions[number % len(regions)], number)
            if not query.verdicts or run.verdict.value in query.verdicts:
                found.append(run)
            if len(found) == query.limit:
                return Page(tuple(found), number or None)
        return Page(tuple(found))

    def _result(self, plan: Plan, region: str, number: int) -> StoredResult:
        at = NOW - 8 - (9_999 - number) * MINUTE
        state = next((one.state for one in plan.spans[region] if one.start <= at < one.end), UP)
        verdict = Verdict(state) if state in list(Verdict) else Verdict.UP
        took = plan.p50_s * wave(plan.check.id, at)
        good = verdict is Verdict.UP
        outcomes = [] if good else [_outcome("status", verdict, "200", "503")]
        phases = {name: took * share for name, share in PHASES.items()}
        return StoredResult(
            plan.check.id,
            region,
            f"{plan.check.id}-{number}",
            at,
            took,
            verdict,
            Reason.OK if good else plan.reason,
            "" if good else plan.message,
            {"phases": phases, "outcomes": outcomes},
        )

    def run(self, run_id: str) -> StoredResult | None:
        check_id, _, number = run_id.rpartition("-")
        plan = self._plan(check_id)
        return self._result(plan, next(iter(plan.pieces)), int(number))

    def last_good(self, result: StoredResult) -> StoredResult | None:
        return None

    def incidents(self, check_id: str | None, since: float, until: float, limit: int = 100) -> tuple[Incident, ...]:
        found = [one for plan in self.plans if check_id in (None, plan.check.id) for one in plan.incidents]
        lasted = [one for one in found if one.opened_at < until and (one.closed_at or until) >= since]
        return tuple(sorted(lasted, key=lambda one: -one.opened_at)[:limit])

    def timeline(self, incident: Incident) -> tuple[Event, ...]:
        return (Event(incident.opened_at, "failed", incident.message, ok=False),)

    def budget(self, check: Check, now: float) -> Budget | None:
        if check.slo is None:
            return None
        lost = self.uptime(check.id, "", now - check.slo.window, now).ratio
        left = None if lost is None else 1 - (1 - lost) / (1 - check.slo.objective / 100)
        gone_at = now + 2 * DAY if left is not None and left > 0 else None
        return Budget(check.slo.objective, check.slo.window, left, {"1h": 13.2, "6h": 2.4}, gone_at)


def wave(seed: str, at: float) -> float:
    """How much slower than usual it is: by the hour of the day, and a little by chance that is always the same."""
    own = zlib.crc32(seed.encode()) % 1_000
    noise = math.sin(at / 97 + own) * 0.06 + math.sin(at / (1_301 + own) + own) * 0.09
    return 1 + 0.22 * math.sin((at % DAY) / DAY * 2 * math.pi - 1.2) + noise


def _outcome(expectation: str, verdict: Verdict, expected: str, seen: str) -> dict[str, str]:
    return {"expectation": expectation, "verdict": verdict.value, "expected": expected, "seen": seen}
