"""What the checks found, as incidents for everybody: which component, since when, and how bad; never why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from prober.config.status_pages import StatusPage
from prober.history import History, Stretch
from prober.model import Check, Condition, Incident, format_lasting
from prober.web.status.naming import listed, public_id
from prober.web.status.public import BADNESS, PublicIncident, PublicUpdate, State

MOST = 100
"""Incidents of one check that are looked at."""
SHOWN = (Condition.DOWN, Condition.DEGRADED, Condition.PARTIAL)
"""The others are about the prober itself."""
_SAID = {State.OUTAGE: "an outage", State.PARTIAL: "a partial outage", State.DEGRADED: "degraded performance"}
_CALLED = {State.OUTAGE: "outage", State.PARTIAL: "partial outage", State.DEGRADED: "degraded performance"}


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Incidents of one component that overlap: to the public they are one."""

    id: str
    keys: tuple[str, ...]
    state: State
    since: float
    until: float | None
    regions: frozenset[str]


def found_incidents(
    name: str,
    page: StatusPage,
    behind: Mapping[str, Sequence[Check]],
    history: History,
    since: float,
    now: float,
    remarks: Mapping[str, Sequence[PublicUpdate]],
) -> tuple[PublicIncident, ...]:
    """What lasted at some time after ``since``; ``remarks`` are what people said of them, by public id."""
    names = {part.key: part.name for part in page.all_components()}
    troubles = list[_Trouble]()
    for check_id in sorted({check.id for checks in behind.values() for check in checks}):
        keys = tuple(key for key, checks in behind.items() if any(check.id == check_id for check in checks))
        alone = all(len(behind[key]) == 1 for key in keys)
        for incident in history.incidents(check_id, since, now, MOST):
            if incident.condition in SHOWN and _was_seen(history, incident, now):
                troubles.append(_trouble(incident, keys, alone, page.regions))
    return tuple(_public(name, one, names, page.regions, remarks) for one in _merged(troubles))


def _was_seen(history: History, incident: Incident, now: float) -> bool:
    """Whether any of it lay outside maintenance."""
    until = now if incident.closed_at is None else incident.closed_at
    spans = history.spans(incident.check_id, "", incident.opened_at, max(until, incident.opened_at + 1.0))
    return any(span.state is not Stretch.MAINTENANCE for span in spans)


def _trouble(incident: Incident, keys: tuple[str, ...], alone: bool, named: Mapping[str, str]) -> _Trouble:
    state = State.DEGRADED
    if incident.condition is Condition.DOWN:
        state = State.OUTAGE if alone else State.PARTIAL
    regions = {*incident.notice.regions_down, incident.region} & named.keys()
    # One that comes and goes goes on for everybody until it holds still.
    until = incident.closed_at if incident.finished or not incident.flapping else None
    return _Trouble(incident.id, keys, state, incident.opened_at, until, frozenset(regions))


def _merged(troubles: Iterable[_Trouble]) -> list[_Trouble]:
    merged = dict[tuple[str, ...], list[_Trouble]]()
    for one in sorted(troubles, key=lambda one: (one.since, one.id)):
        before = merged.setdefault(one.keys, [])
        if before and (before[-1].until is None or one.since <= before[-1].until):
            last = before[-1]
            until = None if last.until is None or one.until is None else max(last.until, one.until)
            state = min(last.state, one.state, key=BADNESS.index)
            before[-1] = replace(last, until=until, state=state, regions=last.regions | one.regions)
        else:
            before.append(one)
    return [one for found in merged.values() for one in found]


def _public(
    page: str,
    trouble: _Trouble,
    names: Mapping[str, str],
    regions: Mapping[str, str],
    remarks: Mapping[str, Sequence[PublicUpdate]],
) -> PublicIncident:
    components = tuple(names[key] for key in trouble.keys)
    what, where = listed(components), sorted(dict.fromkeys(regions[one] for one in trouble.regions))
    place = f" in {listed(where)}" if where else ""
    identity = public_id(page, "incident", trouble.id)
    updates = [
        _update(
            public_id(page, trouble.id, "found"),
            trouble.since,
            "Detected",
            f"Our monitoring has found {_SAID[trouble.state]} of {what}{place}.",
        )
    ]
    if trouble.until is not None:
        lasted = format_lasting(trouble.until - trouble.since)
        over = public_id(page, trouble.id, "over", trouble.until)
        updates.append(_update(over, trouble.until, "Resolved", f"{what} recovered after {lasted}."))
    updates += remarks.get(identity, ())
    return PublicIncident(
        id=identity,
        title=f"{what}: {_CALLED[trouble.state]}{place}",
        kind="incident",
        state=trouble.state,
        since=trouble.since,
        until=trouble.until,
        components=components,
        updates=tuple(sorted(updates, key=lambda update: -update.at)),
    )


def _update(identity: str, at: float, state: str, text: str) -> PublicUpdate:
    return PublicUpdate(identity, at, state, text, f"<p>{escape(text)}</p>\n")
