"""What is known of one heartbeat check, and what a signal, the passing of time or our own absence make of it. Pure.

A check is late when nothing ended within its period and grace, told once then and again after each further period. A
run that said it started is waited for until its ``max_runtime`` is over. Times are wall seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from prober.app.passive.rhythm import Rhythm
from prober.clock import iso
from prober.model import Reason, Verdict, format_lasting

MOST_RUNS = 100
MOST_TROUBLES = 500
OWN = ""
"""Under which its own failure, or its silence, stands among the troubles."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run under way."""

    at: float
    over_at: float = math.inf
    lenient: bool = False
    """Whether it was given time once because the prober was away."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that stands until it is taken back, or until its time is over."""

    verdict: Verdict
    reason: Reason
    text: str
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Report:
    """One matter a source told of; good news where the verdict is up."""

    key: str
    verdict: Verdict
    text: str = ""
    lasts_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to become a result."""

    verdict: Verdict
    reason: Reason
    message: str
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """As of the latest signal or look."""

    due_at: float
    """When silence is told."""
    lenient: bool = False
    """Whether that was put off because the prober was away."""
    signal_at: float | None = None
    """When it was last heard of, by whatever signal."""
    runs: Mapping[str, Begun] = field(default_factory=lambda: MappingProxyType({}))
    """By run id, which is empty where none was given."""
    troubles: Mapping[str, Trouble] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def next_at(self) -> float:
        """When time alone changes something."""
        over_at = min((run.over_at for run in self.runs.values()), default=math.inf)
        until = min((trouble.until for trouble in self.troubles.values()), default=math.inf)
        return min(until, over_at if over_at < math.inf else self.due_at)

    @property
    def standing(self) -> Finding:
        """What all that is known says together: the worst of it."""
        if not self.troubles:
            return Finding(Verdict.UP, Reason.OK, "")
        worst = min(self.troubles.values(), key=lambda trouble: trouble.verdict is not Verdict.DOWN)
        more = len(self.troubles) - 1
        return Finding(worst.verdict, worst.reason, f"{worst.text} (and {more} more)" if more else worst.text)


def first(now: float, rhythm: Rhythm) -> Pulse:
    """Of a check that was never heard of: it has its period and grace from now on."""
    return Pulse(rhythm.due_after(now))


def begun(pulse: Pulse, rid: str, now: float, rhythm: Rhythm) -> Pulse:
    """A run has started."""
    runs = dict(pulse.runs)
    runs.pop(rid, None)
    while len(runs) >= MOST_RUNS:  # the oldest: nobody waits for so many
        del runs[next(iter(runs))]
    return replace(pulse, runs={**runs, rid: Begun(now, rhythm.over_at(now))}, signal_at=now)


def ended(
    pulse: Pulse, rid: str, failure: str | None, message: str, now: float, rhythm: Rhythm, took_s: float | None = None
) -> tuple[Pulse, Finding]:
    """A run has ended: well where ``failure`` is None. Where it did not say how long it took, its start does."""
    runs = dict(pulse.runs)
    run = runs.pop(rid, None)
    if took_s is None:
        took_s = max(0.0, now - run.at) if run else 0.0
    others = {key: trouble for key, trouble in pulse.troubles.items() if key != OWN}
    after = replace(_heard(pulse, now, rhythm), runs=runs, troubles=others)
    if failure is None:
        standing = after.standing
        return after, replace(standing, message=standing.message or message, duration_s=took_s)
    trouble = Trouble(Verdict.DOWN, Reason.REPORTED, failure)
    finding = Finding(Verdict.DOWN, Reason.REPORTED, failure, took_s)
    return replace(after, troubles={OWN: trouble, **others}), finding


def reported(pulse: Pulse, reports: list[Report], now: float, rhythm: Rhythm) -> tuple[Pulse, Finding]:
    """A source has told of some matters. That it was heard of ends its silence, but no failure of its own."""
    troubles = dict(pulse.troubles)
    if OWN in troubles and troubles[OWN].reason is Reason.SILENT:
        del troubles[OWN]
    for report in reports:
        troubles.pop(report.key, None)
        if report.verdict is not Verdict.UP:
            troubles[report.key] = Trouble(report.verdict, Reason.REPORTED, report.text, now + report.lasts_s)
    while len(troubles) > MOST_TROUBLES:
        del troubles[next(key for key in troubles if key != OWN)]
    after = replace(_heard(pulse, now, rhythm), troubles=troubles)
    return after, after.standing


def looked(pulse: Pulse, now: float, rhythm: Rhythm) -> tuple[Pulse, Finding | None]:
    """What time alone has changed; one thing at a time, None where nothing has."""
    if pulse.next_at > now:
        return pulse, None
    for rid, run in pulse.runs.items():
        if run.over_at <= now:
            return _overrun(pulse, rid, run, now, rhythm)
    expired = {key for key, trouble in pulse.troubles.items() if trouble.until <= now}
    if expired:
        rest = {key: trouble for key, trouble in pulse.troubles.items() if key not in expired}
        after = replace(pulse, troubles=rest)
        return after, after.standing
    due_at = rhythm.due_again(now)
    if not rhythm.watched:
        after = replace(pulse, due_at=due_at)
        return after, after.standing
    text = f"nothing heard since {iso(pulse.signal_at)}" if pulse.signal_at else "never heard of yet"
    own = Trouble(Verdict.DOWN, Reason.SILENT, text)
    others = {key: trouble for key, trouble in pulse.troubles.items() if key != OWN}
    after = replace(pulse, due_at=due_at, lenient=False, troubles={OWN: own, **others})
    return after, Finding(Verdict.DOWN, Reason.SILENT, text)


def away(pulse: Pulse, since: float, now: float, rhythm: Rhythm) -> Pulse:
    """The prober did not listen from ``since`` until ``now``: what came due meanwhile has its grace anew.

    Once only: what was put off already has left of it what was left when the prober went, so that one that comes and
    goes still tells of a silence once it has listened for that long.
    """

    def put_off(at: float, lenient: bool) -> float:
        return now + (min(at - since, rhythm.grace_s) if lenient else rhythm.grace_s)

    if since < pulse.due_at <= now:
        pulse = replace(pulse, due_at=put_off(pulse.due_at, pulse.lenient), lenient=True)
    runs = {
        rid: replace(run, over_at=put_off(run.over_at, run.lenient), lenient=True)
        if since < run.over_at <= now
        else run
        for rid, run in pulse.runs.items()
    }
    return replace(pulse, runs=runs)


def retimed(pulse: Pulse, now: float, rhythm: Rhythm) -> Pulse:
    """The same by another rhythm. What would be late by it already has its grace from now on."""
    own = pulse.troubles.get(OWN)
    if own is not None and own.reason is Reason.SILENT:
        due_at = rhythm.due_again(now)
    else:
        due_at = max(rhythm.due_after(pulse.signal_at or now), now + rhythm.grace_s)
    runs = {rid: Begun(run.at, max(rhythm.over_at(run.at), now + rhythm.grace_s)) for rid, run in pulse.runs.items()}
    return replace(pulse, due_at=due_at, lenient=False, runs=runs)


def moved(pulse: Pulse, by_s: float, now: float, rhythm: Rhythm) -> Pulse:
    """The same by a clock that was put on by ``by_s`` and now says ``now``."""
    after = Pulse(
        pulse.due_at + by_s,
        pulse.lenient,
        None if pulse.signal_at is None else pulse.signal_at + by_s,
        {rid: replace(run, at=run.at + by_s, over_at=run.over_at + by_s) for rid, run in pulse.runs.items()},
        {key: replace(trouble, until=trouble.until + by_s) for key, trouble in pulse.troubles.items()},
    )
    return after if rhythm.calendar is None else retimed(after, now, rhythm)  # what a calendar says was not moved


def _heard(pulse: Pulse, now: float, rhythm: Rhythm) -> Pulse:
    return replace(pulse, due_at=rhythm.due_after(now), lenient=False, signal_at=now)


def _overrun(pulse: Pulse, rid: str, run: Begun, now: float, rhythm: Rhythm) -> tuple[Pulse, Finding]:
    """A run did not end in time, which is a failed run like another; the next is waited for from here on."""
    text = f"started at {iso(run.at)} and has not ended within {format_lasting(rhythm.max_runtime_s)}"
    runs = {name: other for name, other in pulse.runs.items() if name != rid}
    others = {key: trouble for key, trouble in pulse.troubles.items() if key != OWN}
    troubles = {OWN: Trouble(Verdict.DOWN, Reason.TIMEOUT, text), **others}
    after = replace(pulse, due_at=rhythm.due_after(now), lenient=False, runs=runs, troubles=troubles)
    return after, Finding(Verdict.DOWN, Reason.TIMEOUT, text, max(0.0, now - run.at))
