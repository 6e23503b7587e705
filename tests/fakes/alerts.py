"""Runs, notices and routes as the alerting rooms meet them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from prober.model import (
    AlertPolicy,
    Check,
    Condition,
    Notice,
    NoticeKind,
    Observation,
    Outcome,
    Reason,
    Result,
    Severity,
    Verdict,
)

AT = 1_700_000_000.0
REGION = "eu-west-1"
LETTERS = {"u": Verdict.UP, "g": Verdict.DEGRADED, "d": Verdict.DOWN, "?": Verdict.UNKNOWN}
REASONS = {
    Verdict.UP: Reason.OK,
    Verdict.DEGRADED: Reason.LATENCY,
    Verdict.DOWN: Reason.STATUS,
    Verdict.UNKNOWN: Reason.INTERNAL,
}


@dataclass(frozen=True)
class Later:
    """Who else is told when nobody has acknowledged for ``after`` seconds."""

    after: float
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Way:
    """A route that takes every check, or those with a tag, at any time or from some time on."""

    channels: tuple[str, ...]
    tag: str | None = None
    fallback: str | None = None
    go_on: bool = True
    remind_every: float | None = None
    escalate: tuple[Later, ...] = ()
    opens_at: float | None = None

    @property
    def timed(self) -> bool:
        return self.opens_at is not None

    def takes(self, check: Check, severity: Severity, regions: Collection[str], now: float) -> bool:
        return (self.tag is None or self.tag in check.tags) and (self.opens_at is None or now >= self.opens_at)


def check(check_id: str = "shop", **changed: Any) -> Check:
    """A check that settles after 3 and 2 runs."""
    return Check(id=check_id, kind="http", alert=changed.pop("alert", AlertPolicy(down_after=3, up_after=2)), **changed)


def run(of: Check, verdict: Verdict, number: int = 0, *, at: float | None = None, region: str = REGION) -> Result:
    """The ``number``-th run of a check that runs every 30 s and takes half a second."""
    unmet = Outcome("status", Verdict.DOWN, Reason.STATUS, "200-399", "503")
    return Result(
        of,
        region,
        f"{of.id}-{number}",
        AT + 30.0 * number if at is None else at,
        verdict,
        REASONS[verdict],
        "status 503, expected 200-399" if verdict is Verdict.DOWN else "",
        Observation(0.5, phases={"total": 0.5}, facts={"status": 200}, body=b"never stored"),
        (unmet,) if verdict is Verdict.DOWN else (),
    )


def runs(of: Check, letters: Iterable[str], first: int = 0) -> list[Result]:
    """One run per letter: u for up, g for degraded, d for down, ? for unknown."""
    return [run(of, LETTERS[letter], first + number) for number, letter in enumerate(letters)]


TRIGGER = Notice(
    id="5f2b-trigger-1",
    kind=NoticeKind.TRIGGER,
    incident_id="5f2b",
    check_id="storefront",
    title="The storefront",
    region=REGION,
    target="https://shop.example/",
    severity="critical",
    reason="status",
    message="status 503, expected 200-299",
    since=AT,
    at=AT + 60.5,
    failures=3,
    expected=(("status", "200-299", "503"), ("body contains", "Tickets", "<html>down & out</html>")),
    runbook="https://wiki.example/runbooks/storefront",
    tags=("shop", "checkout"),
)
RESOLVE = replace(
    TRIGGER,
    id="5f2b-resolve-1",
    kind=NoticeKind.RESOLVE,
    message="up again after 5m",
    at=AT + 300.0,
    failures=0,
    expected=(),
)
REMINDER = replace(TRIGGER, id="5f2b-reminder-1", kind=NoticeKind.REMINDER, at=AT + 7_203.0, failures=241)
UPDATE = replace(
    TRIGGER,
    id="5f2b-update-1",
    kind=NoticeKind.UPDATE,
    at=AT + 120.0,
    message="status 503, expected 200-299",
    expected=(),
    regions_down=(REGION, "us-east-1"),
    regions_up=("ap-south-1",),
    step="pay by card",
    phases=(("resolve", 0.004), ("connect", 0.021), ("first_byte", 1.25)),
    last_good=AT - 30.0,
    trace="4bf92f3577b34da6a3ce929d0e0e4736",
    evidence=(("screenshot", "https://status.example/e/1.png"), ("trace", "https://status.example/e/1.zip")),
    actions=(("Acknowledge", "https://status.example/i/5f2b?ack"), ("Silence", "https://status.example/i/5f2b?mute")),
    members=(("events-api", "The events", "status 503"), ("login", "login", "")),
    note="The shared database is away: this is one region's own view.",
)
BURNS = replace(
    TRIGGER,
    id="5f2b-burns-1",
    condition=Condition.BURNS_FAST,
    message="50 times as fast as allowed: 3 of 60 runs failed in 1h; 41% of the budget of 30d is left",
    failures=0,
    expected=(),
)
EVERY_KIND = (TRIGGER, UPDATE, REMINDER, RESOLVE, BURNS)
SLOW = replace(TRIGGER, condition=Condition.DEGRADED, reason="latency", severity="warning", message="2.1s of 1s")

HOSTILE_TEXT = (
    "<!channel> @here @everyone & <https://evil.example|click> [click](https://evil.example) <b>*bold*</b> `` ``` "
    "\r\nBcc: all@evil.example\r\n\r\n \u202e\x00\ud800 \N{PILE OF POO} \u4e8b\u6545 \"'\\ "
) + "&\N{COLLISION SYMBOL}<" * 4_000
HOSTILE = replace(
    UPDATE,
    title=HOSTILE_TEXT,
    target=HOSTILE_TEXT,
    reason=HOSTILE_TEXT,
    message=HOSTILE_TEXT,
    severity=HOSTILE_TEXT,
    expected=((HOSTILE_TEXT, HOSTILE_TEXT, HOSTILE_TEXT),) * 20,
    runbook="https://wiki.example/a|b>c\"d'e<f\r\nX: y",
    tags=(HOSTILE_TEXT,) * 50,
    regions_down=(HOSTILE_TEXT,) * 50,
    regions_up=(HOSTILE_TEXT,) * 50,
    step=HOSTILE_TEXT,
    phases=((HOSTILE_TEXT, 1.0),) * 50,
    trace=HOSTILE_TEXT,
    evidence=((HOSTILE_TEXT, "https://status.example/" + "a" * 550), (HOSTILE_TEXT, "javascript:alert(1)")) * 20,
    actions=((HOSTILE_TEXT, "https://status.example/" + "&" * 300),) * 20,
    members=((HOSTILE_TEXT, HOSTILE_TEXT, HOSTILE_TEXT),) * 60,
    note=HOSTILE_TEXT,
)
"""The richest notice, of which a target or a careless user wrote every text."""


def notice(incident: str, kind: NoticeKind, channel: str = "ops") -> Notice:
    """A notice of ``incident``, with an id of its own."""
    return replace(TRIGGER, id=f"{incident}-{kind.value}-{channel}", incident_id=incident, kind=kind)
