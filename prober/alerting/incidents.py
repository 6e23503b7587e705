"""How an incident begins, ends and begins again as its condition comes and goes. Pure; nobody is told anything here."""

from __future__ import annotations

from dataclasses import replace

from prober.alerting.burns import BURNS
from prober.alerting.setting import PROBER, REGION, UNMONITORED, Setting, Sighting, cut
from prober.alerting.signals import Ended, Found, Signal
from prober.model import Check, Condition, Incident, Notice, NoticeKind, Severity

SELF = "self"
"""The kind of what is about no check."""

_MILDER = {Severity.CRITICAL: Severity.WARNING}
_CAPPED = (Condition.PARTIAL, Condition.DEGRADED, Condition.BURNS_SLOWLY)
_TITLES = {PROBER: "prober", UNMONITORED: "checks that nobody looks at"}


def subject(name: str) -> Check:
    """What an incident about no check is about, in the form of one, so that routes can choose it."""
    title = f"region {name.removeprefix(REGION)}" if name.startswith(REGION) else _TITLES.get(name, name)
    # Not held against what a configuration may say: a region's name need not come from one.
    return Check.model_construct(id=name, kind=SELF, title=title, severity=Severity.WARNING)


def severity_of(check: Check, condition: Condition) -> Severity:
    """How much an incident matters: what is not down is a warning at most."""
    return _MILDER.get(check.severity, check.severity) if condition in _CAPPED else check.severity


def evolve(
    incident: Incident | None, found: Found, check: Check, condition: Condition, setting: Setting, now: float
) -> Incident | None:
    """``incident`` of ``check``, if there is one, after ``condition`` was found to hold or not at ``now``.

    One that has ended and is not finished, since its end could not be told yet, goes on: to people it never ended.
    """
    if isinstance(found, Signal):
        if incident is None:
            return _open(found, check, condition, setting, now)
        known = replace(incident, closed_at=None) if incident.closed_at is not None else incident
        told = setting.spared.get((check.id, condition), ())
        if not set(told) <= set(known.spared):  # a region that could not ask has told them meanwhile
            known = replace(known, spared=tuple(dict.fromkeys((*known.spared, *told))))
        return known if known.told_at is not None else _where(known, found)
    if isinstance(found, Ended) and incident is not None and incident.closed_at is None:
        return replace(incident, closed_at=max(found.at, incident.opened_at))
    return incident


def _where(incident: Incident, signal: Signal) -> Incident:
    """``incident``, of which nobody was told yet, with the regions that fail by now, and the figures as they are."""
    notice = replace(incident.notice, regions_down=signal.regions_down, regions_up=signal.regions_up)
    if incident.condition in BURNS:
        notice = replace(notice, message=cut(signal.message))
    return incident if notice == incident.notice else replace(incident, notice=notice, message=notice.message)


def _open(signal: Signal, check: Check, condition: Condition, setting: Setting, now: float) -> Incident:
    identity = setting.new_id()
    seen = setting.sightings.get(check.id) if signal.speaker == setting.region else None
    seen = seen or Sighting(signal.message)
    notice = Notice(
        id=identity,
        kind=NoticeKind.TRIGGER,
        incident_id=identity,
        check_id=check.id,
        title=check.title or check.id,
        region=signal.speaker or setting.region,
        target=cut(check.target) if check.kind != SELF else "",
        severity=severity_of(check, condition).value,
        reason=signal.reason.value,
        message=seen.message or cut(signal.message),
        since=signal.since,
        at=now,
        failures=signal.failures,
        expected=seen.expected,
        runbook=check.runbook,
        tags=check.tags,
        evidence=seen.evidence,
        condition=condition,
        regions_down=signal.regions_down,
        regions_up=signal.regions_up,
        step=seen.step,
        phases=seen.phases,
        last_good=signal.last_good,
        trace=seen.trace,
        note=setting.note,
    )
    incident = Incident(
        id=identity,
        check_id=check.id,
        region=setting.ourselves if check.id == PROBER else setting.scope,
        condition=condition,
        reason=signal.reason,
        message=notice.message,
        opened_at=signal.since,
        decided_at=now,
        notice=notice,
        spared=tuple(setting.spared.get((check.id, condition), ())),
    )
    return replace(incident, notice=replace(notice, actions=setting.links(incident)))
