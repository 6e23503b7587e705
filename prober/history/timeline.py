"""What happened in an incident, from all that the store knows of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from prober.clock import iso
from prober.history.words import Event
from prober.model import HushKind, Incident, NoticeKind, Verdict
from prober.store import OutboxRow
from prober.store.past import Past, Sought
from prober.store.schema import DROPPED, PARKED, SENT

FAILURES = 20
"""Failed runs that are told one by one; people look at the first ones."""
_KINDS = {
    NoticeKind.TRIGGER: "the beginning",
    NoticeKind.UPDATE: "a change",
    NoticeKind.REMINDER: "a reminder",
    NoticeKind.RESOLVE: "the end",
}
_CHANGES = {
    Verdict.DOWN: ("confirmed", "down"),
    Verdict.DEGRADED: ("confirmed", "degraded"),
    Verdict.UP: ("recovered", "up again"),
    Verdict.UNKNOWN: ("lost", "not heard of any more"),
}


def timeline(past: Past, incident: Incident, tags: Collection[str]) -> tuple[Event, ...]:
    """All of it, oldest first."""
    until = incident.closed_at if incident.closed_at is not None else past.now
    events = [
        *_own(incident),
        *_failures(past, incident, until),
        *_changes(past, incident, until),
        *_notices(past, incident),
        *_hushes(past, incident, tags, until),
        *(Event(note.at, "note", f"{note.author}: {note.text}") for note in past.notes(incident.id)),
    ]
    return tuple(sorted(events, key=lambda event: event.at))


def _own(incident: Incident) -> Iterator[Event]:
    yield Event(incident.decided_at, "opened", _line(f"incident opened: {incident.condition.value}", incident.message))
    if incident.acked_at is not None:
        yield Event(incident.acked_at, "acked", f"acknowledged by {incident.acked_by or 'somebody'}")
    if incident.closed_at is not None:
        yield Event(incident.closed_at, "closed", "incident over")


def _failures(past: Past, incident: Incident, until: float) -> Iterator[Event]:
    bad = (Verdict.DOWN.value, Verdict.DEGRADED.value)
    # The first ones, not the latest: of a long outage all but these look the same.
    sought = Sought(incident.check_id, None, bad, incident.opened_at, until, limit=FAILURES, oldest_first=True)
    for _, result in past.results(sought):
        at = result.started_at + result.duration_s
        yield Event(at, "failed", _line(f"{result.region}: {result.reason.value}", result.message), ok=False)


def _changes(past: Past, incident: Incident, until: float) -> Iterator[Event]:
    for (_, region), changes in past.transitions([incident.check_id], incident.opened_at - 1.0).items():
        for change in changes:
            if change.since <= until + 1.0:
                kind, words = _CHANGES[change.after]
                place = region or "all regions together"
                yield Event(change.at, kind, f"{place}: {words}, since {iso(change.since)}", ok=kind == "recovered")


def _notices(past: Past, incident: Incident) -> Iterator[Event]:
    for row, done_at in past.told(incident.id):
        what = f"{row.channel} told of {_KINDS[row.notice.kind]}"
        if row.status == SENT:
            tries = f" at attempt {row.attempts}" if row.attempts > 1 else ""
            yield Event(done_at or row.notice.at, "told", _line(f"{what}{tries}", row.detail))
        else:
            yield _untold(row, done_at)


def _untold(row: OutboxRow, done_at: float | None) -> Event:
    kind = _KINDS[row.notice.kind]
    at = done_at if done_at is not None else row.notice.at
    if row.status == PARKED:
        return Event(at, "told", _line(f"{row.channel} could not be told of {kind}, given up", row.detail), ok=False)
    if row.status == DROPPED:
        return Event(at, "told", _line(f"{row.channel} not told of {kind}: it had become pointless", row.detail))
    tried = f" after {row.attempts} attempts" if row.attempts > 1 else " after one attempt" if row.attempts else ""
    return Event(at, "told", _line(f"{row.channel} not told of {kind} yet{tried}", row.detail), ok=not row.attempts)


def _hushes(past: Past, incident: Incident, tags: Collection[str], until: float) -> Iterator[Event]:
    for hush in past.hushes(incident.opened_at, until):
        if hush.covers(incident.check_id, tags):
            word = "maintenance" if hush.kind is HushKind.MAINTENANCE else "silenced"
            by = f" by {hush.by}" if hush.by else ""
            yield Event(hush.starts_at, "silenced", _line(f"{word}{by} until {iso(hush.ends_at)}", hush.reason))


def _line(text: str, more: str) -> str:
    first = more.strip().partition("\n")[0]
    return ": ".join(filter(None, (text, first)))
