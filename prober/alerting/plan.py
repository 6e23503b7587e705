"""What a transition means for people: which incident it opens or closes, and who is told. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from prober.model import (
    Check,
    Incident,
    Notice,
    NoticeKind,
    Result,
    Transition,
    Verdict,
    format_duration,
)
from prober.store import Told

TEXT_CHARS = 500
EXPECTATIONS = 10
EVIDENCE = 6
REMOVED = "no longer watched: the check was removed from the configuration or disabled"


class Route(Protocol):
    """Which checks' notices go to which channels."""

    @property
    def channels(self) -> Sequence[str]: ...

    def selects(self, check: Check) -> bool:
        """Whether notices of ``check`` take this route."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows: the incident as it is from now on, and (channel, notice) in the order they are to be sent."""

    told: Told | None = None
    notices: tuple[tuple[str, Notice], ...] = ()


def plan(
    transition: Transition,
    told: Told | None,
    result: Result,
    routes: Iterable[Route],
    *,
    incident_id: str,
    failures: int = 0,
) -> Plan:
    """What ``transition``, which ``result`` completed, leads to while ``told`` is the open incident, if any.

    Down opens an incident under ``incident_id`` and tells every channel of every route that fits, once. Up or
    degraded closes it and tells those, and only those, that were told of it.
    """
    if transition.after is Verdict.DOWN:
        return _open(transition, result, routes, incident_id, failures) if told is None else Plan()
    if told is None:
        return Plan()
    lasted = format_duration(max(0.0, transition.since - told.incident.opened_at))
    state = " but degraded" if transition.after is Verdict.DEGRADED else ""
    seen = f": {_cut(result.message)}" if state and result.message else ""
    return _close(told, transition.since, f"up again{state} after {lasted}{seen}")


def close_removed(told: Told, at: float) -> Plan:
    """What follows when the check of an open incident is watched no more."""
    return _close(told, max(at, told.incident.opened_at), REMOVED)


def notice_id(incident_id: str, kind: NoticeKind, channel: str) -> str:
    """The same for the same notice however often it is planned; ASCII whatever the channel is called."""
    return f"{incident_id}-{kind.value}-{hashlib.blake2s(channel.encode(), digest_size=4).hexdigest()}"


def _open(transition: Transition, result: Result, routes: Iterable[Route], incident_id: str, failures: int) -> Plan:
    check = result.check
    channels = tuple(dict.fromkeys(name for route in routes if route.selects(check) for name in route.channels))
    trigger = Notice(
        id=incident_id,
        kind=NoticeKind.TRIGGER,
        incident_id=incident_id,
        check_id=check.id,
        title=check.title or check.id,
        region=transition.region,
        target=_cut(check.target),
        severity=check.severity.value,
        reason=result.reason.value,
        message=_cut(result.message),
        since=transition.since,
        at=transition.at,
        failures=failures,
        expected=_unmet(result),
        runbook=check.runbook,
        tags=check.tags,
        evidence=_evidence(result),
    )
    incident = Incident(incident_id, check.id, transition.region, result.reason, trigger.message, transition.since)
    return Plan(Told(incident, trigger, channels), _addressed(trigger, channels))


def _close(told: Told, at: float, message: str) -> Plan:
    notice = replace(
        told.trigger, kind=NoticeKind.RESOLVE, message=message, at=at, failures=0, expected=(), evidence=()
    )
    closed = replace(told, incident=replace(told.incident, closed_at=at))
    return Plan(closed, _addressed(notice, told.channels))


def _addressed(notice: Notice, channels: Iterable[str]) -> tuple[tuple[str, Notice], ...]:
    return tuple((name, replace(notice, id=notice_id(notice.incident_id, notice.kind, name))) for name in channels)


def _unmet(result: Result) -> tuple[tuple[str, str, str], ...]:
    unmet = [outcome for outcome in result.outcomes if outcome.verdict is not Verdict.UP]
    return tuple((o.expectation, _cut(o.expected), _cut(o.seen)) for o in unmet[:EXPECTATIONS])


def _evidence(result: Result) -> tuple[tuple[str, str], ...]:
    linked = [(artifact.kind, artifact.url) for artifact in result.observation.artifacts if artifact.url]
    return tuple(linked[-EVIDENCE:])  # of several tries the last one knows most


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…"
