"""Goes over every incident that is not finished, and tells of it what may be told now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from prober.alerting.budgets import waits_for_outage
from prober.alerting.docket import Case, Docket
from prober.alerting.gates import hushed, waits_for_more, waits_for_parent
from prober.alerting.routing import Way, Ways, audience, ways
from prober.alerting.telling import Addressed, Told, begin, end, ended_after, flap, go_on, settle
from prober.model import Check, Condition, Incident, Severity


def tell(docket: Docket) -> list[Addressed]:
    """Tell what is due and note it in the docket's cases; the notices in the order they are to be sent."""
    notices: list[Addressed] = []
    untold: list[Case] = []
    docket.company = _company(docket.cases.values())
    for case in sorted(docket.cases.values(), key=lambda case: (case.incident.decided_at, case.check.id)):
        found = ways(case.check, case.incident, docket.setting, docket.now)
        why = _held(docket, case)
        if why:
            told = _hold(docket, case, why, found)
        elif case.incident.closed_at is not None and not _led(docket, case.incident):
            told = _end(docket, case, found)
        elif case.incident.told_at is None:
            untold.append(case)
            continue
        else:
            told = _go_on(docket, case, found)
        case.incident = told.incident
        notices.extend(told.notices)
    for group in _groups(docket, untold):
        notices.extend(_begin(docket, group))
    return notices


def _held(docket: Docket, case: Case) -> str:
    """Why nothing may be told of ``case``, neither its beginning nor its end."""
    why = hushed(case.check, docket.snapshot.hushes, docket.setting, docket.now)
    if why or case.incident.condition is not Condition.DOWN:
        return why
    flips = docket.flips.get(case.check.id)
    return "flapping" if flips is not None and flips.flapping_since is not None else ""


def _hold(docket: Docket, case: Case, why: str, found: Ways) -> Told:
    incident = replace(case.incident, held=why)
    if why == "flapping" and not incident.flapping and not _is_over(incident):
        parent = waits_for_parent(case.check, incident, docket.opinions, docket.setting, docket.now)
        if parent and incident.told_at is None:
            return Told(replace(incident, held=parent))
        policy = case.check.alert.flapping
        changes = len(docket.flips[case.check.id].at)
        stable = f"; told again when it holds still for {policy.stable / 60:g} min" if policy else ""
        return flap(incident, found.first, f"flapping: it came or went {changes} times of late{stable}", docket.now)
    return Told(replace(incident, finished=_is_over(incident), held="" if _is_over(incident) else why))


def _is_over(incident: Incident) -> bool:
    """Whether it ended before anybody was told that it had begun."""
    return incident.closed_at is not None and incident.told_at is None


def _end(docket: Docket, case: Case, found: Ways) -> Told:
    incident = case.incident
    if incident.told_at is None or incident.led_by:
        return Told(replace(incident, finished=True, held=""))
    last = max((other.closed_at or 0.0 for other in _members(docket, incident)), default=0.0)
    incident = replace(incident, closed_at=max(incident.closed_at or docket.now, last))
    return end(incident, found.first, ended_after(incident, case.ending, docket.now), docket.now)


def _go_on(docket: Docket, case: Case, found: Ways) -> Told:
    incident = replace(case.incident, held="")
    if incident.led_by:
        return Told(incident)
    if incident.flapping:
        return settle(incident, found.first, docket.now)
    lasting = [one for one in (incident, *_members(docket, incident)) if one.closed_at is None]
    return go_on(incident, found, docket.now, lasting)


def _led(docket: Docket, incident: Incident) -> bool:
    """Whether something that was told with ``incident`` lasts: then what was told is not over."""
    return any(other.closed_at is None for other in _members(docket, incident))


def _members(docket: Docket, leader: Incident) -> Iterable[Incident]:
    return (case.incident for case in docket.company.get(leader.id, ()))


def _company(cases: Iterable[Case]) -> Mapping[str, list[Case]]:
    """Found once for all: to look through all cases for each of thousands takes longer than a store waits."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        if case.incident.led_by:
            found.setdefault(case.incident.led_by, []).append(case)
    return found


def _groups(docket: Docket, untold: Iterable[Case]) -> Iterable[list[Case]]:
    """Those that may be told now, in the groups they are told in; the others are held."""
    groups: dict[object, list[Case]] = {}
    for case in untold:
        why = waits_for_parent(case.check, case.incident, docket.opinions, docket.setting, docket.now)
        why = why or waits_for_more(case.check, case.incident, docket.opinions, docket.now)
        why = why or waits_for_outage(case.check, case.incident, docket)
        case.incident = replace(case.incident, held=why)
        if not why:
            groups.setdefault(_group_of(docket, case), []).append(case)
    wait_s = docket.setting.grouping.wait if docket.setting.grouping else 0.0
    for group in groups.values():
        if (len(group) == 1 and not wait_s) or min(case.incident.decided_at for case in group) + wait_s <= docket.now:
            yield group
        else:
            for case in group:
                case.incident = replace(case.incident, held="waiting for others to join")


def _group_of(docket: Docket, case: Case) -> object:
    """The same for what is told together: alike as the configuration says, and to the same people."""
    grouping, check = docket.setting.grouping, case.check
    if grouping is None or grouping.wait <= 0 or case.incident.condition is not Condition.DOWN:
        return case.incident.id
    heard_by = audience(check, case.incident, docket.setting, docket.now)
    return (heard_by, grouping.by, _trait(check, grouping.by) or (case.incident.id,))


def _trait(check: Check, by: str) -> tuple[str, ...]:
    traits: Mapping[str, tuple[str, ...]] = {
        "all": ("all",),
        "severity": (check.severity.value,),
        "tag": check.tags[:1],
        "parent": check.depends_on[:1],
    }
    return traits[by]


def _begin(docket: Docket, group: list[Case]) -> Iterable[Addressed]:
    # Its severity is that of the notice.
    leader = min(group, key=lambda case: list(Severity).index(case.check.severity))
    others = [case for case in group if case is not leader]
    first: Mapping[str, Way] = ways(leader.check, leader.incident, docket.setting, docket.now).first
    told = begin(leader.incident, first, docket.now, [case.incident for case in others])
    leader.incident = told.incident
    for case in others:
        case.incident = replace(case.incident, told_at=docket.now, led_by=leader.incident.id)
    return told.notices
