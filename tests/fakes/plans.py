"""What happened at a site, as plans: checks that are well, failing, flapping, in maintenance, split between regions,
silent for a while; ninety days of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fakes.alerts import TRIGGER
from fakes.results import LEAF, ROOT, Target
from prober.history import Span, Stretch
from prober.model import Check, Condition, Incident, Reason, Slo, Verdict
from prober.web import Row

NOW = 1_796_083_200.0 + 3 * 3_600 + 12 * 60  # 2026-12-01 03:12 UTC, when people are woken
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
BEGIN = NOW - 90 * DAY
REGIONS = ("eu-west-1", "us-east-1")
UP, DEGRADED, DOWN, UNKNOWN, MAINTENANCE, NO_DATA = Stretch

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
