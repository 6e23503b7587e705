"""The one place where what is private becomes what is public. Ids, targets, messages, tags, regions and reasons of
checks go in; what comes out are the texts that ``web.status_pages`` and announcements have for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prober.config import Maintenance
from prober.config.status_pages import Component, StatusPage
from prober.history import Day, History, Stretch, Uptime
from prober.model import Check, Hush, HushKind
from prober.store import Announcement
from prober.web.status.findings import found_incidents
from prober.web.status.marking import marked_up
from prober.web.status.naming import public_id
from prober.web.status.news import announced_incidents, planned, remarks
from prober.web.status.public import (
    BADNESS,
    PublicComponent,
    PublicDay,
    PublicGroup,
    PublicIncident,
    PublicMaintenance,
    PublicPage,
    State,
    overall,
    sentence,
)

DAYS = 90
SPANS = (7, 30, 90)
NOW_S = 3_600.0
"""What a check is now is the last of what it was in this time."""
UNTOLD_S = 30.0
"""Less time than this without data is none."""
AHEAD_S = 30 * 86_400.0
"""Maintenance that begins later is not shown yet."""
MOST_PLANNED = 20
MOST_PAST = 50


@dataclass(frozen=True, slots=True)
class Sources:
    """What a page is made of; all of it is private."""

    history: History
    checks: Sequence[Check]
    hushes: Sequence[Hush]
    windows: Sequence[Maintenance]
    announcements: Sequence[Announcement]


def public_page(name: str, page: StatusPage, sources: Sources, now: float) -> PublicPage:
    """The page as everybody may see it."""
    behind = {part.key: [one for one in sources.checks if part.selects(one)] for part in page.all_components()}
    checks = {check.id: check for found in behind.values() for check in found}
    stretches = {check_id: _now(sources.history, check_id, now) for check_id in checks}
    days = sources.history.days(sorted(checks), "", DAYS) if checks else {}
    names = {part.key: part.name for part in page.all_components()}
    announced = announced_incidents(name, names, sources.announcements, now)
    found: tuple[PublicIncident, ...] = ()
    if page.incidents:
        since = now - page.history
        found = found_incidents(name, page, behind, sources.history, since, now, remarks(name, sources.announcements))
    incidents = (*found, *announced)
    current = tuple(sorted((one for one in incidents if not one.over), key=_urgency))
    states = {key: _state(key, names, behind, stretches, current) for key in behind}
    past = sorted((one for one in incidents if one.over), key=lambda one: -one.since)
    every = tuple(states.values())
    state = overall(every, current)
    return PublicPage(
        id=name,
        title=page.title,
        description=page.description,
        state=state,
        sentence=sentence(state, every),
        groups=tuple(_groups(page, behind, states, days)),
        current=current,
        past=tuple(one for one in past if (one.until or 0.0) > now - page.history)[:MOST_PAST],
        maintenance=_maintenance(name, names, behind, sources, now),
        at=now,
        history_days=round(page.history / 86_400),
    )


# How it is now.


def _now(history: History, check_id: str, now: float) -> Stretch:
    spans = history.spans(check_id, "", now - NOW_S, now)
    # The last moments may not have been accounted for yet.
    settled = [one for one in spans if one.state is not Stretch.NO_DATA or one.end - one.start > UNTOLD_S]
    return settled[-1].state if settled else Stretch.NO_DATA


def _state(
    key: str,
    names: Mapping[str, str],
    behind: Mapping[str, Sequence[Check]],
    stretches: Mapping[str, Stretch],
    current: Sequence[PublicIncident],
) -> State:
    """The worst of what is measured and what was announced."""
    measured = measured_state([stretches[check.id] for check in behind[key]])
    said = {one.state for one in current if names[key] in one.components}
    bad = {State.OUTAGE, State.PARTIAL, State.DEGRADED, State.MAINTENANCE}
    return min({measured, *(said & bad)}, key=BADNESS.index)


def measured_state(stretches: Sequence[Stretch]) -> State:
    """How a component is whose checks are like this."""
    down = sum(one is Stretch.DOWN for one in stretches)
    if down:
        return State.OUTAGE if down == len(stretches) else State.PARTIAL
    if Stretch.DEGRADED in stretches:
        return State.DEGRADED
    if Stretch.MAINTENANCE in stretches:
        return State.MAINTENANCE
    return State.OPERATIONAL if stretches and set(stretches) == {Stretch.UP} else State.NO_DATA


def _urgency(incident: PublicIncident) -> tuple[int, float]:
    return BADNESS.index(incident.state), -incident.since


# How it was.


def _groups(
    page: StatusPage,
    behind: Mapping[str, Sequence[Check]],
    states: Mapping[str, State],
    days: Mapping[str, Sequence[Day]],
) -> Iterable[PublicGroup]:
    parts = [("", "", page.components)] if page.components else []
    parts += [(group.name, group.description, group.components) for group in page.groups]
    for title, description, components in parts:
        shown = tuple(_component(one, states[one.key], behind[one.key], days) for one in components)
        worst = min((one.state for one in shown), key=BADNESS.index)
        yield PublicGroup(title, description, worst, shown)


def _component(
    component: Component, state: State, checks: Sequence[Check], days: Mapping[str, Sequence[Day]]
) -> PublicComponent:
    whole = _together([days[check.id] for check in checks if check.id in days])
    return PublicComponent(
        id=component.key,
        name=component.name,
        description=component.description,
        state=state,
        days=tuple(_public_day(day) for day in whole),
        uptime={count: _sum([day.uptime for day in whole[-count:]]).ratio for count in SPANS},
    )


def _together(of_checks: Sequence[Sequence[Day]]) -> list[Day]:
    """The days of several checks as one: the time of all of them, added up."""
    return [Day(same[0].date, _sum([day.uptime for day in same])) for same in zip(*of_checks, strict=False)]


def _sum(uptimes: Sequence[Uptime]) -> Uptime:
    seconds: dict[Stretch, float] = {}
    for one in uptimes:
        for state, lasted in one.seconds.items():
            seconds[state] = seconds.get(state, 0.0) + lasted
    since, until = min((one.since for one in uptimes), default=0.0), max((one.until for one in uptimes), default=0.0)
    return Uptime(since, until, seconds, sum(one.runs for one in uptimes), sum(one.good for one in uptimes))


def _public_day(day: Day) -> PublicDay:
    seconds = day.uptime.seconds
    state = Stretch.NO_DATA if day.worst is Stretch.UNKNOWN else day.worst
    down_s, maintenance_s = seconds.get(Stretch.DOWN, 0.0), seconds.get(Stretch.MAINTENANCE, 0.0)
    return PublicDay(day.date, state, day.uptime.ratio, down_s, maintenance_s)


# How it will be.


def _maintenance(
    page: str, names: Mapping[str, str], behind: Mapping[str, Sequence[Check]], sources: Sources, now: float
) -> tuple[PublicMaintenance, ...]:
    """What is planned in hushes, in configured windows, and in announcements."""
    found = list(planned(page, names, sources.announcements, now, now + AHEAD_S))
    for hush in sources.hushes:
        if hush.kind is HushKind.MAINTENANCE and hush.ends_at > now and hush.starts_at < now + AHEAD_S:
            keys = [key for key, checks in behind.items() if any(hush.covers(one.id, one.tags) for one in checks)]
            stretch = (hush.starts_at, hush.ends_at)
            found += _planned_for(page, names, keys, (hush.id, *stretch), hush.public, stretch, now)
    for number, window in enumerate(sources.windows):
        keys = [key for key, checks in behind.items() if any(window.selects(one) for one in checks)]
        for stretch in window.stretches(now, now + AHEAD_S) if keys else ():
            found += _planned_for(page, names, keys, (number, *stretch), window.public, stretch, now)
    return tuple(sorted(found, key=lambda one: (one.starts_at, one.id))[:MOST_PLANNED])


def _planned_for(
    page: str,
    names: Mapping[str, str],
    keys: Sequence[str],
    identity: tuple[object, ...],
    text: str,
    stretch: tuple[float, float],
    now: float,
) -> Iterable[PublicMaintenance]:
    if keys:
        concerned = () if len(keys) == len(names) else tuple(names[key] for key in keys)
        yield PublicMaintenance(
            public_id(page, "maintenance", *identity),
            "Scheduled maintenance",
            marked_up(text) if text else "",
            *stretch,
            concerned,
            stretch[0] <= now,
        )
