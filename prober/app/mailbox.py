"""``prober outbox``: notices on their way, and putting back what was given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from prober.app.beside import SHORT, SHORTEST, store_beside
from prober.app.listing import cell, echo, echo_json, open_table, stamp
from prober.clock import iso
from prober.config import Loaded
from prober.faults import UserFault
from prober.model import format_lasting
from prober.store import OutboxRow

STATUSES = ("pending", "sent", "parked", "dropped")
_STYLES = {"pending": "yellow", "parked": "bold red"}


def list_outbox(loaded: Loaded, *, status: str | None, limit: int, as_json: bool) -> None:
    """Print the latest notices, newest first."""
    with store_beside(loaded) as store:
        rows, now = store.outbox(limit, status), store.now()
    if as_json:
        echo_json([_document(row) for row in rows])
    elif rows:
        echo(_table(rows, now))
    else:
        echo(f"no notice is {status}" if status else "no notice yet")


def retry(loaded: Loaded, given: str | None, *, everything: bool) -> None:
    """Put parked notices back: all, or those whose id begins so, with what was parked behind them."""
    if everything == (given is not None):
        raise UserFault("which? Name a parked notice or its incident, or say --all")
    if given is not None and len(given) < SHORTEST:
        raise UserFault(f"{given!r} is too short: write at least {SHORTEST} characters of the id")
    with store_beside(loaded) as store:
        count = store.retry(given)
    if not count and given is not None:
        raise UserFault(f"no parked notice {given!r} that could still be told; see: prober outbox --status parked")
    notices = f"{count} {'notice' if count == 1 else 'notices'}"
    echo(f"{notices} put back; a running prober sends them within a minute" if count else "no notice is parked")


def _table(rows: Sequence[OutboxRow], now: float) -> Table:
    table = open_table("incident", "check", "kind", "channel", "status", "tries", "of", "what became of it")
    for row in rows:
        table.add_row(
            cell(row.notice.incident_id[:SHORT]),
            cell(row.notice.check_id),
            cell(row.notice.kind.value),
            cell(row.channel),
            cell(row.status, _STYLES.get(row.status, "")),
            str(row.attempts),
            cell(stamp(row.notice.at)),
            cell(_fate(row, now), "dim"),
        )
    return table


def _fate(row: OutboxRow, now: float) -> str:
    again = f"again in {format_lasting(row.due_at - now)}" if row.status == "pending" and row.due_at > now else ""
    return "; ".join(filter(None, (row.detail, again)))


def _document(row: OutboxRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "incident": row.notice.incident_id,
        "check": row.notice.check_id,
        "condition": row.notice.condition.value,
        "kind": row.notice.kind.value,
        "channel": row.channel,
        "status": row.status,
        "attempts": row.attempts,
        "at": iso(row.notice.at),
        "due_at": iso(row.due_at) if row.status == "pending" and row.due_at else None,
        "detail": row.detail or None,
    }
