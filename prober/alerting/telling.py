"""What is told of an incident: the difference between what people were told last and what is true now. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from prober.alerting.routing import Way, Ways
from prober.model import Condition, Incident, Notice, NoticeKind, format_duration

MEMBERS = 50
REMOVED = "no longer watched: the check was removed from the configuration or disabled"

Addressed = tuple[str, Notice]

_ENDINGS = {
    Condition.DOWN: "up again",
    Condition.DEGRADED: "fast again",
    Condition.PARTIAL: "up everywhere again",
    Condition.BURNS_FAST: "safe again",
    Condition.BURNS_SLOWLY: "lasting again",
}


@dataclass(frozen=True, slots=True)
class Told:
    """An incident after something of it was told, and what: (channel, notice) in the order they are to be sent."""

    incident: Incident
    notices: tuple[Addressed, ...] = ()


def notice_id(incident_id: str, what: str, channel: str) -> str:
    """The same for the same notice however often it is planned; ASCII whatever the channel is called."""
    return f"{incident_id}-{what}-{hashlib.blake2s(channel.encode(), digest_size=4).hexdigest()}"


def begin(incident: Incident, ways: Mapping[str, Way], now: float, members: Sequence[Incident] = ()) -> Told:
    """Tell that it has begun; ``members`` are told with it, in its notice."""
    fresh = {channel: way for channel, way in ways.items() if channel not in incident.spared}
    notice = _current(incident, NoticeKind.TRIGGER, now)
    if members:
        notice = _gathered(notice, (incident, *members))
    told = replace(incident, told_at=now, channels=tuple(fresh), reminded=tuple((name, now) for name in fresh))
    return Told(told, _addressed(notice, "trigger", fresh))


def go_on(incident: Incident, ways: Ways, now: float, lasting: Sequence[Incident] = ()) -> Told:
    """Tell those who have become due since, and remind the others that it lasts.

    ``lasting`` is what is not over yet of all that was told with it; it may be so itself.
    """
    late = {c: way for c, way in ways.later.items() if c not in (*incident.channels, *incident.spared)}
    notices = _addressed(_current(incident, NoticeKind.TRIGGER, now, lasting), "trigger", late)
    reminded = dict(incident.reminded) | dict.fromkeys(late, now)
    due = {
        c: way
        for c, way in ways.first.items()
        if c in incident.channels and _is_due(way, reminded.get(c), incident, now)
    }
    if due:
        notice = replace(_current(incident, NoticeKind.REMINDER, now, lasting), evidence=())
        for channel, way in due.items():
            # Not counted: how often one reminds may change, and a number that was there before is not sent again.
            notices += _addressed(notice, f"reminder-{int(now)}", {channel: way})
            reminded[channel] = now
    if not notices:
        return Told(incident)
    return Told(replace(incident, channels=(*incident.channels, *late), reminded=tuple(reminded.items())), notices)


def flap(incident: Incident, ways: Mapping[str, Way], note: str, now: float) -> Told:
    """Tell once that it comes and goes."""
    noted = replace(incident, flapping=True)
    if incident.told_at is None:
        told = begin(replace(noted, notice=replace(noted.notice, note=_joined(noted.notice.note, note))), ways, now)
        return replace(told, incident=replace(told.incident, notice=incident.notice))
    notice = replace(_current(incident, NoticeKind.UPDATE, now), note=_joined(incident.notice.note, note))
    return Told(noted, _addressed(notice, f"flapping-{int(now)}", _again(incident, ways)))


def settle(incident: Incident, ways: Mapping[str, Way], now: float) -> Told:
    """Tell that it has stopped coming and going, and is there to stay."""
    note = _joined(incident.notice.note, "it has stopped flapping and is down")
    notice = replace(_current(incident, NoticeKind.UPDATE, now), note=note)
    return Told(replace(incident, flapping=False), _addressed(notice, f"stable-{int(now)}", _again(incident, ways)))


def end(incident: Incident, ways: Mapping[str, Way], message: str, now: float) -> Told:
    """Tell those, and only those, that were told of it that it is over."""
    notice = replace(
        incident.notice,
        kind=NoticeKind.RESOLVE,
        message=message,
        at=incident.closed_at or now,
        failures=0,
        expected=(),
        evidence=(),
        phases=(),
        step="",
        actions=(),
    )
    finished = replace(incident, finished=True, held="")
    return Told(finished, _addressed(notice, "resolve", _again(incident, ways)))


def ended_after(incident: Incident, how: str, now: float) -> str:
    """How it ended and how long it lasted, in words."""
    if how == REMOVED:
        return how
    lasted = format_duration(max(0.0, (incident.closed_at or now) - incident.opened_at))
    return f"{how or _ENDINGS.get(incident.condition, 'over')} after {lasted}"


def _current(incident: Incident, kind: NoticeKind, now: float, lasting: Sequence[Incident] = ()) -> Notice:
    """What there is to say of ``incident``, in the words of the first that lasts: it may be up itself by now."""
    own, shown = incident.notice, lasting[0].notice if lasting else incident.notice
    notice = replace(shown, incident_id=own.incident_id, check_id=own.check_id, actions=own.actions)
    notice = replace(notice, kind=kind, at=max(now, incident.opened_at))
    return _gathered(notice, lasting) if len(lasting) > 1 else notice


def _gathered(notice: Notice, incidents: Sequence[Incident]) -> Notice:
    members = tuple((i.check_id, i.notice.title, i.message) for i in incidents[:MEMBERS])
    title = f"{len(incidents)} checks: {', '.join(name for _, name, _ in members[:3])}"
    return replace(notice, title=title + (", …" if len(incidents) > 3 else ""), members=members)


def _addressed(notice: Notice, what: str, ways: Mapping[str, Way]) -> tuple[Addressed, ...]:
    return tuple(
        (channel, replace(notice, id=notice_id(notice.incident_id, what, channel), fallback=way.fallback))
        for channel, way in ways.items()
    )


def _again(incident: Incident, ways: Mapping[str, Way]) -> dict[str, Way]:
    """Those that were told before, by the way they have now if they still have one."""
    return {channel: ways.get(channel, Way()) for channel in incident.channels}


def _is_due(way: Way, told_at: float | None, incident: Incident, now: float) -> bool:
    if way.remind_every_s is None or incident.acked_at is not None:
        return False
    return now - (told_at if told_at is not None else now) >= way.remind_every_s


def _joined(*texts: Iterable[str]) -> str:
    return "; ".join(str(text) for text in texts if text)
