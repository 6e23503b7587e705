"""What people announce, as everybody may see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prober.store import Announced, Announcement, Update
from prober.web.status.marking import marked_up
from prober.web.status.naming import public_id
from prober.web.status.public import PublicIncident, PublicMaintenance, PublicUpdate, State

INFORMATION_S = 7 * 86_400.0
"""So long information without an end is news."""

_STATES = {
    Announced.OUTAGE: State.OUTAGE,
    Announced.WARNING: State.DEGRADED,
    Announced.INFORMATION: State.OPERATIONAL,
    Announced.MAINTENANCE: State.MAINTENANCE,
    Announced.RESOLVED: State.OPERATIONAL,
}
_FIRST = {
    Announced.OUTAGE: "Outage",
    Announced.WARNING: "Warning",
    Announced.INFORMATION: "Information",
    Announced.MAINTENANCE: "Maintenance",
    Announced.RESOLVED: "Resolved",
}
OVER = ("resolved", "completed")
"""An update that is called so ends what it is of."""


def announced_incidents(
    page: str, names: Mapping[str, str], announcements: Sequence[Announcement], now: float
) -> tuple[PublicIncident, ...]:
    """Those that have begun; what adds to an incident that was found is no other."""
    begun = [one for one in announcements if not one.about and one.starts_at <= now]
    return tuple(_public(page, names, one, now) for one in begun)


def planned(
    page: str, names: Mapping[str, str], announcements: Sequence[Announcement], now: float, until: float
) -> Iterator[PublicMaintenance]:
    """Announced maintenance that has not begun."""
    for one in announcements:
        if one.kind is Announced.MAINTENANCE and now < one.starts_at < until and ended_at(one, now) is None:
            ends_at = one.starts_at if one.ends_at is None else one.ends_at
            yield PublicMaintenance(
                public_id(page, "announced", one.id),
                one.title,
                marked_up(one.text),
                one.starts_at,
                ends_at,
                _concerned(names, one),
                active=False,
            )


def remarks(page: str, announcements: Sequence[Announcement]) -> dict[str, list[PublicUpdate]]:
    """What people said of incidents that were found, by the public ids of these."""
    found: dict[str, list[PublicUpdate]] = {}
    for one in announcements:
        if one.about:
            found.setdefault(one.about, []).extend(_update(page, one, update) for update in one.updates)
    return found


def ended_at(announcement: Announcement, now: float) -> float | None:
    """When it was over; None while it is not."""
    last = announcement.updates[-1] if announcement.updates else None
    if last is not None and last.state.lower() in OVER and last.at <= now:
        return last.at
    end = announcement.ends_at
    if end is None and announcement.kind is Announced.RESOLVED:
        end = announcement.starts_at
    if end is None and announcement.kind is Announced.INFORMATION:
        end = max(announcement.starts_at, announcement.changed_at) + INFORMATION_S
    return end if end is not None and end <= now else None


def _public(page: str, names: Mapping[str, str], announcement: Announcement, now: float) -> PublicIncident:
    first = Update(announcement.starts_at, _FIRST[announcement.kind], announcement.text)
    said = [update for update in announcement.updates if update.at <= now]
    updates = [_update(page, announcement, update) for update in (first, *said)]
    return PublicIncident(
        id=public_id(page, "announced", announcement.id),
        title=announcement.title,
        kind=announcement.kind.value,
        state=_STATES[announcement.kind],
        since=announcement.starts_at,
        until=ended_at(announcement, now),
        components=_concerned(names, announcement),
        updates=tuple(sorted(updates, key=lambda update: -update.at)),
    )


def _concerned(names: Mapping[str, str], announcement: Announcement) -> tuple[str, ...]:
    return tuple(names[key] for key in announcement.components if key in names)


def _update(page: str, announcement: Announcement, update: Update) -> PublicUpdate:
    identity = public_id(page, announcement.id, update.at, update.state)
    return PublicUpdate(identity, update.at, update.state, update.text, marked_up(update.text))
