"""Who is told of an incident: now, later when nobody minds it, and by which other way where one fails. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prober.alerting.incidents import SELF, severity_of
from prober.alerting.setting import Route, Setting
from prober.model import Check, Incident


@dataclass(frozen=True, slots=True)
class Way:
    """One channel's part in an incident."""

    fallback: str = ""
    remind_every_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ways:
    """The channels of an incident, in the order they are told."""

    first: Mapping[str, Way] = field(default_factory=dict)
    """Those told when it begins."""
    later: Mapping[str, Way] = field(default_factory=dict)
    """Those that are due by now for another reason: their hours have come, or nobody has acknowledged."""


def ways(check: Check, incident: Incident, setting: Setting, now: float) -> Ways:
    """Who is to know of ``incident`` at ``now``."""
    if check.kind == SELF and setting.channels:
        return Ways(dict.fromkeys(setting.channels, Way()))
    first: dict[str, Way] = {}
    later: dict[str, Way] = {}
    for route in _fitting(check, incident, setting, now):
        for channel in route.channels:
            first[channel] = _nearer(first.get(channel), _way(route))
            if route.timed:
                later.setdefault(channel, first[channel])
        for channel in _escalated(route, incident, now):
            later.setdefault(channel, _way(route))
    return Ways(first, later)


def audience(check: Check, incident: Incident, setting: Setting, now: float) -> object:
    """The same for incidents of which the same people are to hear at the same times, and know the same already."""
    later = {
        (step.after, channel)
        for route in _fitting(check, incident, setting, now)
        for step in route.escalate
        for channel in step.channels
    }
    first = ways(check, incident, setting, now).first
    return (frozenset(first.items()), frozenset(later), frozenset(incident.spared))


def _fitting(check: Check, incident: Incident, setting: Setting, now: float) -> Iterable[Route]:
    regions = incident.notice.regions_down or (incident.notice.region,)
    for route in setting.routes:
        if route.takes(check, severity_of(check, incident.condition), regions, now):
            yield route
            if not route.go_on:
                return


def _escalated(route: Route, incident: Incident, now: float) -> Iterable[str]:
    if incident.told_at is None or incident.acked_at is not None:
        return ()
    waited_s = now - incident.told_at
    return (channel for step in route.escalate if waited_s >= step.after for channel in step.channels)


def _way(route: Route) -> Way:
    return Way(route.fallback or "", route.remind_every)


def _nearer(known: Way | None, way: Way) -> Way:
    """Of two routes to one channel: a fallback if either has one, the more frequent reminder."""
    if known is None:
        return way
    every = [one.remind_every_s for one in (known, way) if one.remind_every_s is not None]
    return Way(known.fallback or way.fallback, min(every, default=None))
