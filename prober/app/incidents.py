"""``prober incidents`` and ``prober ack``: what people are to know of, and that somebody minds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from prober.app.beside import SHORT, find_id, person, store_beside
from prober.app.listing import cell, echo, echo_json, open_table, stamp
from prober.clock import iso
from prober.config import Loaded
from prober.faults import UserFault
from prober.model import Condition, Incident, format_lasting
from prober.store import Store

RECENT = 1_000
"""Among so many of the latest incidents the one that is meant is looked for."""
_STYLES = {
    Condition.DOWN: "bold red",
    Condition.BURNS_FAST: "red",
    Condition.PROBER: "magenta",
    Condition.SILENT: "magenta",
}


def list_incidents(loaded: Loaded, *, everything: bool, limit: int, as_json: bool) -> None:
    """Print those that are open, or the latest of all."""
    with store_beside(loaded) as store:
        incidents, now = store.incidents(limit, open_only=not everything), store.now()
    if as_json:
        echo_json([_document(incident, now) for incident in incidents])
    elif incidents:
        echo(_table(incidents, now))
    else:
        echo("no incident yet" if everything else "no incident is open")


def acknowledge(loaded: Loaded, given: str, by: str | None) -> None:
    """Note that somebody minds the incident that ``given`` names; reminders and escalations of it end."""
    name = person(by)
    with store_beside(loaded) as store:
        identity = _named(store, given)
        before = store.incident(identity)
        incident = store.ack(identity, name, store.now())
    if before is None or incident is None:
        raise UserFault(f"incident {given!r} has just been removed")
    if incident.acked_at is None:
        raise UserFault(f"{_title(incident)} is over since {stamp(incident.closed_at or 0.0)}: nothing to acknowledge")
    already = " already" if before.acked_at is not None else ""
    echo(cell(f"{_title(incident)} is acknowledged{already} by {incident.acked_by}, {stamp(incident.acked_at)}"))


def state_of(incident: Incident) -> str:
    """How an incident stands, in words."""
    if incident.finished:
        return "over"
    parts = ["open" if incident.closed_at is None else "over, not told yet"]
    if incident.held:
        parts.append(f"held: {incident.held}")
    elif incident.told_at is None and incident.closed_at is None:
        parts.append("waiting to be told")
    if incident.flapping:
        parts.append("flapping")
    if incident.acked_at is not None:
        parts.append(f"acknowledged by {incident.acked_by or 'somebody'}")
    if incident.led_by:
        parts.append(f"told with {incident.led_by[:SHORT]}")
    elif incident.channels:
        parts.append(f"told to {', '.join(incident.channels)}")
    return "; ".join(parts)


def place_of(incident: Incident) -> str:
    """Where it is seen: the regions that fail, else the one whose view it is."""
    return ", ".join(incident.notice.regions_down) or incident.region or "all regions"


def _named(store: Store, given: str) -> str:
    found = store.incident(given)
    if found is not None:
        return found.id
    latest = (*store.open_incidents(), *store.incidents(RECENT))
    return find_id(given, {incident.id: incident.check_id for incident in latest}, "incident")


def _title(incident: Incident) -> str:
    return f"{incident.id[:SHORT]} ({incident.check_id}, {incident.condition.value})"


def _table(incidents: Sequence[Incident], now: float) -> Table:
    table = open_table("id", "check", "condition", "where", "since", "for", "state", "message")
    for incident in incidents:
        table.add_row(
            cell(incident.id[:SHORT]),
            cell(incident.check_id),
            cell(incident.condition.value, _STYLES.get(incident.condition, "yellow")),
            cell(place_of(incident)),
            cell(stamp(incident.opened_at)),
            cell(format_lasting((incident.closed_at or now) - incident.opened_at)),
            cell(state_of(incident)),
            cell(incident.message, "dim"),
            style="dim" if incident.finished else None,
        )
    return table


def _document(incident: Incident, now: float) -> dict[str, Any]:
    return {
        "id": incident.id,
        "check": incident.check_id,
        "condition": incident.condition.value,
        "region": incident.region or None,
        "regions_down": list(incident.notice.regions_down),
        "regions_up": list(incident.notice.regions_up),
        "severity": incident.notice.severity,
        "reason": incident.reason.value,
        "message": incident.message,
        "since": iso(incident.opened_at),
        "over_at": _moment(incident.closed_at),
        "duration_s": round(max(0.0, (incident.closed_at or now) - incident.opened_at), 3),
        "finished": incident.finished,
        "state": state_of(incident),
        "held": incident.held or None,
        "told_at": _moment(incident.told_at),
        "told_to": list(incident.channels),
        "told_with": incident.led_by or None,
        "acknowledged_at": _moment(incident.acked_at),
        "acknowledged_by": incident.acked_by or None,
        "flapping": incident.flapping,
    }


def _moment(wall: float | None) -> str | None:
    return None if wall is None else iso(wall)
