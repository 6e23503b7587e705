"""What people do about an incident by the forms of its page."""

from __future__ import annotations

from collections.abc import Mapping

from prober.faults import UserFault
from prober.model import Hush, HushKind, Incident
from prober.web.incidents.choices import silences
from prober.web.view import Actions

NOTE_CHARS = 4_000


def do(actions: Actions, incident: Incident, form: Mapping[str, str], *, by: str, now: float) -> str:
    """Do what ``form`` asks for in the name of ``by``; a complaint where that makes no sense, else nothing."""
    match form.get("do", ""):
        case "ack":
            return _acknowledge(actions, incident, by)
        case "silence":
            return _silence(actions, incident, form.get("for", ""), by, now)
        case "note":
            return _note(actions, incident, form.get("text", ""), by)
    return "Choose one of the forms of this page."


def _acknowledge(actions: Actions, incident: Incident, by: str) -> str:
    if incident.closed_at is not None:
        return "It is over: there is nothing to acknowledge."
    return "" if actions.ack(incident.id, by) else "There is no such incident any more."


def _silence(actions: Actions, incident: Incident, value: str, by: str, now: float) -> str:
    seconds, _ = silences(now).get(value, (0.0, ""))
    if not seconds:
        return "Choose for how long."
    checks = tuple(dict.fromkeys((incident.check_id, *(member for member, _, _ in incident.notice.members))))
    try:
        # Asked for again, it is the same silence, changed; so it is by the link in a notice.
        actions.hush(Hush(incident.id, HushKind.SILENCE, now, now + seconds, checks, reason="by its page", by=by))
    except UserFault as fault:
        return str(fault)
    return ""


def _note(actions: Actions, incident: Incident, text: str, by: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        return "Write something down first."
    if len(text) > NOTE_CHARS:
        return f"A note has at most {NOTE_CHARS} characters; this one has {len(text)}."
    return "" if actions.note(incident.id, text, by) else "There is no such incident any more."
