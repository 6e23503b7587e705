"""A site that somebody would look at: checks that are well, failing, flapping, in maintenance, split between two
regions, silent for a while; ninety days of each. What happened is a plan, and everything shown follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import httpx
from prometheus_client import CollectorRegistry

from fakes.alerts import TRIGGER
from fakes.results import LEAF, ROOT, Target
from prober.clock import MovedClock
from prober.history import Bucket, Budget, Day, Event, Page, Query, Span, Stretch, Uptime
from prober.model import Check, Condition, Hush, Incident, Reason, Slo, Verdict
from prober.sinks.prometheus import Exposition
from prober.store import StoredResult
from prober.web import Figure, Health, Marker, Row, View, WebServer, create_app
from prober.web.auth import EVERYTHING, Who

NOW = 1_796_083_200.0 + 3 * 3_600 + 12 * 60  # 2026-12-01 03:12 UTC, when people are woken
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
BEGIN = NOW - 90 * DAY
REGIONS = ("eu-west-1", "us-east-1")
UP, DEGRADED, DOWN, UNKNOWN, MAINTENANCE, NO_DATA = Stretch
PHASES = {"resolve": 0.04, "connect": 0.1, "tls": 0.22, "processing": 0.52, "transfer": 0.12}

Pieces = Sequence[tuple[float, float, Stretch]]
"""(seconds ago from, seconds ago to, state) of what was other than up."""


@dataclass(frozen=True)
class Plan:
    """One check, and all that ever happened to it."""

    check: Check
    pieces: Mapping[str, Pieces]
    """By region."""
    p50_s: float = 0.12
    reason: Reason = Reason.STATUS
    message: str = "status 503, expected 200"
    condition: Condition | None = None
    flapping: bool = False
    undecided: str = ""
    maintenance: str = ""
    held: str = ""
    acked_by: str = ""

    @cached_property
    def spans(self) -> Mapping[str, tuple[Span, ...]]:
        """By region; all together is the worse of them where both fail, else what the first says."""
        each = {region: tuple(_spans(pieces)) for region, pieces in self.pieces.items()}
        if len(each) == 1:
            return {**each, "": next(iter(each.values()))}
        both = [piece for piece in self.pieces[REGIONS[0]] if piece in self.pieces[REGIONS[1]]]
        return {**each, "": tuple(_spans(both))}

    @property
    def row(self) -> Row:
        now = {region: spans[-1].state for region, spans in self.spans.items()}
        states = {region: Verdict(state) if state in list(Verdict) else Verdict.UP for region, state in now.items()}
        whole = states.pop("")
        bad = any(state is not Verdict.UP for state in states.values()) or bool(self.undecided)
        secure = self.check.target.startswith("https")
        return Row(
            self.check.id,
            self.check.kind,
            self.check.target,
            whole,
            self.check.title or "",
            self.reason if bad else Reason.OK,
            self.message if bad else "",
            NOW - 8,
            self.p50_s,
            NOW + 22,
            self.spans[""][-1].start,
            self.undecided,
            tuple(sorted(states.items())) if len(states) > 1 else (),
            self.maintenance,
            (replace(LEAF, not_after=NOW + 12.4 * DAY), replace(ROOT, not_after=NOW + 900 * DAY)) if secure else (),
        )

    @cached_property
    def incidents(self) -> tuple[Incident, ...]:
        """One for each time that it was down, the oldest first."""
        found = []
        for span in self.spans[""]:
            if span.state is DOWN:
                ended = span.end < NOW
                found.append(self._incident(len(found), Condition.DOWN, span.start, span.end if ended else None))
        if self.condition is not None and not (found and found[-1].closed_at is None):
            begin = min(spans[-1].start for spans in self.spans.values() if spans[-1].state is not UP)
            found.append(self._incident(len(found), self.condition, begin, None))
        return tuple(found)

    def _incident(self, index: int, condition: Condition, at: float, closed_at: float | None) -> Incident:
        fails = [region for region, spans in self.spans.items() if region and spans[-1].state is DOWN]
        fine = [region for region in self.pieces if region not in fails]
        notice = replace(
            TRIGGER,
            incident_id=f"{self.check.id}-{index}",
            check_id=self.check.id,
            title=self.check.title or self.check.id,
            regions_down=tuple(fails) if closed_at is None else (),
            regions_up=tuple(fine) if closed_at is None and fails else (),
        )
        on = closed_at is None
        return Incident(
            f"{self.check.id}-{index}",
            self.check.id,
            "",
            condition,
            self.reason,
            self.message,
            at,
            at + 60,
            notice,
            closed_at,
            finished=not on,
            flapping=self.flapping and on,
            held=self.held if on else "",
            acked_at=NOW - 5 * MINUTE if on and self.acked_by else None,
            acked_by=self.acked_by if on else "",
        )


def _spans(pieces: Pieces) -> Iterator[Span]:
    at = BEGIN
    for since, until, state in sorted(pieces, reverse=True):
        start, end = max(BEGIN, NOW - since), NOW - until
        if start > at:
            yield Span(UP, at, start)
        yield Span(state, start, end)
        at = end
    if at < NOW:
        yield Span(UP, at, NOW)


def _check(name: str, title: str = "", url: str = "", **more: object) -> Target:
    return Target.model_validate({"id": name, "title": title or None, "url": url or f"https://{name}.example/", **more})


def _flaps() -> Pieces:
    return [(start * HOUR, start * HOUR - 7 * MINUTE, DOWN) for start in (1.1, 2.3, 3.2, 4.6, 5.5, 6.7)] + [
        (3 * MINUTE, 0.0, DOWN)
    ]


def plans() -> tuple[Plan, ...]:
    """The site: every state there is, and checks that are just well."""
    eu, us = REGIONS
    old = [(20.3 * DAY, 20.3 * DAY - 34 * MINUTE, DOWN), (61 * DAY, 61 * DAY - 3 * HOUR, DEGRADED)]
    failing = [(13 * MINUTE, 0.0, DOWN), (5.2 * DAY, 5.2 * DAY - 41 * MINUTE, DOWN), *old]
    shop, slo = ("shop", "web"), Slo(objective=99.9)
    return (
        Plan(
            _check(
                "storefront",
                "Storefront",
                "https://shop.example/",
                tags=shop,
                slo=slo,
                runbook="https://wiki.example/s",
            ),
            {eu: old, us: old},
        ),
        Plan(
            _check("orders-api", "Orders API", "https://api.shop.example/orders", tags=("shop", "api"), slo=slo),
            {eu: failing, us: failing},
            0.24,
            condition=Condition.DOWN,
        ),
        Plan(
            _check("payment-hook", "Payment webhook", "https://pay.example/hook", tags=("pay", "api")),
            {eu: _flaps()},
            0.31,
            Reason.TIMEOUT,
            "no answer within 5 s",
            Condition.DOWN,
            flapping=True,
            acked_by="Ada",
        ),
        Plan(
            _check("search", "Search", "https://search.shop.example/", tags=shop),
            {eu: [(40 * MINUTE, 0.0, MAINTENANCE), (30.1 * DAY, 30.1 * DAY - 2 * HOUR, MAINTENANCE)]},
            0.08,
            maintenance="new switches in rack 4",
        ),
        Plan(
            _check("checkout", "Checkout", "https://shop.example/checkout", tags=("shop", "journey"), kind="browser"),
            {eu: old, us: [(26 * MINUTE, 0.0, DOWN), *old]},
            1.9,
            Reason.STEP,
            'step "Pay": the button "Pay now" did not appear within 10 s',
            Condition.PARTIAL,
            held="failing for less than 1h",
        ),
        Plan(
            _check("edge", "Edge, TCP", "edge.example:443", kind="tcp", tags=("net",)),
            {eu: [(90 * DAY, 40 * DAY, NO_DATA), (3.5 * DAY, 3.5 * DAY - 9 * HOUR, NO_DATA)]},
            0.018,
        ),
        Plan(
            _check("login", "Log-in", "https://id.shop.example/login", tags=("shop", "api")),
            {eu: [(3 * HOUR, 0.0, DEGRADED), (12 * DAY, 12 * DAY - 5 * HOUR, DEGRADED)]},
            0.9,
            Reason.LATENCY,
            "took 1.21 s, expected at most 800 ms",
        ),
        Plan(
            _check("pricing", "", "grpc://pricing.internal:9000", kind="grpc", tags=("internal",)),
            {eu: [(4 * MINUTE, 0.0, UNKNOWN), (15 * DAY, 14 * DAY, UNKNOWN)]},
            0.006,
            Reason.RESOLVER_DOWN,
            "the prober's own resolver does not answer",
        ),
        Plan(_check("zone", "Zone tickets.example", "tickets.example", kind="dns", tags=("net",)), {eu: []}, 0.011),
        Plan(
            _check("images", "Image service", "https://img.shop.example/health", tags=shop),
            {eu: []},
            0.045,
            undecided="failing 1 of 3",
            message="status 502, expected 200",
        ),
    )


def many(count: int) -> tuple[Plan, ...]:
    """``count`` checks as in a large site: nearly all of them well, each with a past of its own."""
    found = []
    for index in range(count):
        ago = (1 + index * 7 % 88) * DAY + index * MINUTE
        pieces: Pieces = [(ago, ago - 20 * MINUTE, DOWN)] if index % 3 == 0 else []
        if index % 97 == 5:
            pieces = [*pieces, (9 * MINUTE, 0.0, DOWN)]
        url = f"https://service-{index:03}.platform.example/healthz"
        tags = (("web", "api", "data", "edge", "internal")[index % 5],)
        check = _check(f"service-{index:03}", f"Service {index:03}", url, tags=tags)
        regions = REGIONS if index % 2 else REGIONS[:1]
        found.append(Plan(check, dict.fromkeys(regions, pieces), 0.02 + index % 40 / 100))
    return tuple(found)


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
        return Budget(check.slo.objective, check.slo.window, left, {"1h": 13.2, "6h": 2.4}, now + 2 * DAY)


def wave(seed: str, at: float) -> float:
    """How much slower than usual it is: by the hour of the day, and a little by chance that is always the same."""
    noise = math.sin(at / 97 + len(seed)) * 0.06 + math.sin(at / 1_301 + ord(seed[0])) * 0.09
    return 1 + 0.22 * math.sin((at % DAY) / DAY * 2 * math.pi - 1.2) + noise


def _outcome(expectation: str, verdict: Verdict, expected: str, seen: str) -> dict[str, str]:
    return {"expectation": expectation, "verdict": verdict.value, "expected": expected, "seen": seen}


@dataclass
class Hand:
    """Notes what it was told to do."""

    done: list[tuple[str, object]] = field(default_factory=list)
    deploys: tuple[Marker, ...] = (
        Marker("a", NOW - 7.4 * HOUR, "orders 4.18.0", ("api",), "https://git.example/r/4.18.0", "ci"),
        Marker("b", NOW - 38 * MINUTE, "orders 4.18.1", ("api",), "javascript:alert(1)", "ci"),
    )

    def run_now(self, check_id: str) -> Future[str]:
        self.done.append(("run", check_id))
        future: Future[str] = Future()
        future.set_result(f"{check_id}-9999")
        return future

    def hush(self, hush: Hush) -> None:
        self.done.append(("hush", hush))

    def hushes(self) -> Sequence[Hush]:
        return ()

    def markers(self, since: float, until: float) -> Sequence[Marker]:
        return [marker for marker in self.deploys if since <= marker.at < until]

    def ack(self, incident_id: str, by: str) -> Incident | None:
        self.done.append(("ack", incident_id))
        return None

    def note(self, incident_id: str, text: str, by: str) -> bool:
        self.done.append(("note", text))
        return True

    def end_hush(self, hush_id: str) -> bool:
        return False

    def mark(self, marker: Marker) -> None:
        self.done.append(("mark", marker))

    def ingest(self, check_id: str, signal: Mapping[str, object]) -> None:
        self.done.append(("ingest", check_id))


INNER = {
    "Schedule": [
        Figure("Schedule lag, p99", "within 10ms", "how late runs began after their slot, since the start"),
        Figure("Missed runs", "3", "checkout 3", well=False),
    ],
    "Store": [Figure("Where", "/var/lib/prober/prober.db"), Figure("In reach", "yes"), Figure("Size", "412 MB")],
    "Sinks": [Figure("otlp", "0 waiting, 0 dropped")],
    "Configuration": [Figure("Digest", "9f2c11a07b7d4e55"), Figure("On disk", "the one that runs")],
}


@dataclass
class Site:
    """The view of it all, to be changed while it is looked at."""

    plans: tuple[Plan, ...] = field(default_factory=plans)
    clock: MovedClock = field(default_factory=lambda: MovedClock(NOW))
    hand: Hand = field(default_factory=Hand)
    inner: Mapping[str, Sequence[Figure]] = field(default_factory=lambda: INNER)
    history: PlannedHistory | None = None
    rows: Callable[[], Sequence[Row]] | None = None

    def view(self) -> View:
        self.history = self.history or PlannedHistory(self.plans)
        shown = [plan.row for plan in self.plans]
        return View(
            region=REGIONS[0],
            exposition=Exposition("prober", REGIONS[0]),
            registry=CollectorRegistry(),
            snapshot=self.rows or (lambda: shown),
            healthy=lambda: Health(True),
            ready=lambda: Health(True),
            clock=self.clock,
            incidents=lambda: [one for plan in self.plans for one in plan.incidents if one.closed_at is None],
            checks=lambda: [plan.check for plan in self.plans],
            history=self.history,
            actions=self.hand,
            inner=lambda: self.inner,
        )


class Doorman:
    """The application for somebody who may do everything, or for whoever is named."""

    def __init__(self, app: object, who: Who | None = None) -> None:
        self.app = app
        self.who = who or Who("", EVERYTHING)

    async def __call__(self, scope: dict[str, object], receive: object, send: object) -> None:
        await self.app({**scope, "prober.who": self.who}, receive, send)  # type: ignore[operator]


@contextmanager
def serving(view: View, who: Who | None = None) -> Iterator[httpx.Client]:
    """A real server over ``view``, and a client of it."""
    server = WebServer(Doorman(create_app(view), who), "127.0.0.1", 0)
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as client:
            yield client
    finally:
        server.stop(5.0)
