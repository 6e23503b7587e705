"""How what goes into the store is written as rows, and read back from them."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar

import orjson
from sqlalchemy import Row

from prober.model import Condition, Hush, HushKind, Incident, Notice, NoticeKind, Reason, Result, Transition, Verdict
from prober.store.rows import LeftOut, OutboxRow, StoredResult

PAYLOAD_CHARS = 32_768
"""A result's payload is cut to its phases and outcomes beyond this: one chatty target must not fill the disk."""
MESSAGE_CHARS = 2_000
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError)
"""What reading JSON ends in that is none, or not what was written."""

Word = TypeVar("Word", bound=StrEnum)


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: dataclasses and mappings as dicts, figures that are none as null."""
    if isinstance(value, str | int | bool | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [plain(item) for item in value]
    return str(value)


def text(value: str) -> str:
    """``value`` as every database stores it: no NUL, no lone surrogates."""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def word(kind: type[Word], value: str, otherwise: Word) -> Word:
    """A stored word; ``otherwise`` for one that only a later release knows."""
    try:
        return kind(value)
    except ValueError:
        return otherwise


# Results, states and transitions.


def result_row(result: Result, runs: int = 1, left_out: LeftOut | None = None) -> dict[str, Any]:
    """A result as a row that stands for ``runs`` of them: for itself, and for those that were ``left_out``."""
    return {
        "check_id": result.check.id,
        "region": result.region,
        "run_id": result.run_id,
        "started_at": result.started_at,
        "duration_s": result.duration_s if math.isfinite(result.duration_s) else 0.0,
        "verdict": result.verdict.value,
        "reason": result.reason.value,
        "message": text(result.message[:MESSAGE_CHARS]),
        "payload": _payload(result) if left_out is None else _with_others(_payload(result), left_out),
        "runs": runs,
    }


def _with_others(encoded: str, left_out: LeftOut) -> str:
    """The payload with what the runs were that the row stands for."""
    # There may be hundreds, which need none of what ``plain`` sees to.
    others = orjson.dumps([left_out.first_at, left_out.last_at, *left_out.ticks]).decode()
    return f'{encoded[:-1]}{"," if encoded != "{}" else ""}"left_out":{others}}}'


def _payload(result: Result) -> str:
    seen = result.observation
    brief = {"phases": seen.phases, "outcomes": result.outcomes}
    full = {**brief, "facts": seen.facts, "steps": seen.steps, "measures": seen.measures, "artifacts": seen.artifacts}
    for values in (full, {**brief, "cut": True}):
        encoded = json.dumps(plain({name: value for name, value in values.items() if value}))
        if len(encoded) <= PAYLOAD_CHARS:
            return encoded
    return '{"cut": true}'


def stored_result(row: Row[Any]) -> StoredResult:
    """A result from its row."""
    return StoredResult(
        row.check_id,
        row.region,
        row.run_id,
        row.started_at,
        row.duration_s,
        word(Verdict, row.verdict, Verdict.UNKNOWN),
        word(Reason, row.reason, Reason.INTERNAL),
        row.message,
        json.loads(row.payload),
        row.runs,
    )


def kept(result: Result) -> StoredResult:
    """A result as it will be read back."""
    row = result_row(result)
    payload = json.loads(row["payload"])
    return StoredResult(**{**row, "verdict": result.verdict, "reason": result.reason, "payload": payload})


def state_row(state: Mapping[str, Any], now: float, ahead_s: float = 0.0) -> dict[str, Any]:
    """A state's dict as a row; the store's clock says ``now`` and is ``ahead_s`` before that of its writer.

    Stamps of a writer whose clock was put back stand still until it is there again: they must not count for longer.
    """
    last_at, stale_s = state.get("last_at"), state.get("stale_s")
    heard_at = None if last_at is None else min(last_at + ahead_s, now)
    return {
        "check_id": state["check_id"],
        "region": state["region"],
        "verdict": str(state["verdict"]),
        "payload": _state_json(state),
        "heard_at": heard_at,
        "stale_at": None if heard_at is None or stale_s is None else heard_at + stale_s,
    }


def _state_json(state: Mapping[str, Any]) -> str:
    # Written for every run, and json takes ten times as long.
    try:
        return orjson.dumps(state).decode()
    except TypeError:  # lone surrogates, which no target should be able to keep out of the store
        return json.dumps(state)


def transition_row(transition: Transition) -> dict[str, Any]:
    """A transition as a row."""
    return {name: plain(getattr(transition, name)) for name in Transition.__slots__}


def transition(row: Row[Any]) -> Transition:
    """A transition from its row."""
    before, after = (word(Verdict, value, Verdict.UNKNOWN) for value in (row.before, row.after))
    return Transition(row.check_id, row.region, before, after, row.at, row.since)


# Incidents and hushes.

_INCIDENT_REST = (
    "decided_at",
    "told_at",
    "spared",
    "led_by",
    "acked_at",
    "acked_by",
    "reminded",
    "held",
    "flapping",
)
"""What has no column of its own: the release before knows the others, and goes on writing them."""


def incident_row(incident: Incident) -> dict[str, Any]:
    """An incident as a row, of the version after the one that it was read with."""
    return {
        "id": incident.id,
        "check_id": incident.check_id,
        "region": incident.region,
        "condition": incident.condition.value,
        "reason": incident.reason.value,
        "message": text(incident.message),
        "opened_at": incident.opened_at,
        "closed_at": incident.closed_at,
        "finished": int(incident.finished),
        "channels": json.dumps(incident.channels),
        "trigger": notice_json(incident.notice),
        "version": incident.version + 1,
        "payload": json.dumps({name: plain(getattr(incident, name)) for name in _INCIDENT_REST}),
    }


def incident(row: Row[Any]) -> Incident:
    """An incident from its row; one that the release before wrote was told at once to all of its channels.

    So was one that is damaged, as far as can be known: it has to end all the same.
    """
    try:
        trigger = notice(row.trigger)
    except _DAMAGE:
        trigger = _bare_notice(row)
    try:
        rest = {"decided_at": trigger.at, **json.loads(row.payload)}
    except _DAMAGE:
        rest = {"decided_at": trigger.at, "told_at": trigger.at}
    known: dict[str, Any] = {name: rest[name] for name in _INCIDENT_REST if name in rest}
    known["spared"] = tuple(known.get("spared", ()))
    known["reminded"] = tuple((channel, at) for channel, at in known.get("reminded", ()))
    return Incident(
        id=row.id,
        check_id=row.check_id,
        region=row.region,
        condition=word(Condition, row.condition, Condition.DOWN),
        reason=word(Reason, row.reason, Reason.INTERNAL),
        message=row.message,
        opened_at=row.opened_at,
        notice=trigger,
        closed_at=row.closed_at,
        finished=row.closed_at is not None if row.finished is None else bool(row.finished),
        channels=tuple(json.loads(row.channels)),
        version=row.version,
        **known,
    )


def _bare_notice(row: Row[Any]) -> Notice:
    return Notice(
        id=row.id,
        kind=NoticeKind.TRIGGER,
        incident_id=row.id,
        check_id=row.check_id,
        title=row.check_id,
        region=row.region,
        target="",
        severity="critical",
        reason=row.reason,
        message=row.message,
        since=row.opened_at,
        at=row.opened_at,
    )


def hush_row(hush: Hush) -> dict[str, Any]:
    """A hush as a row."""
    rest = {"checks": hush.checks, "tags": hush.tags, "reason": hush.reason, "by": hush.by, "public": hush.public}
    return {
        "id": hush.id,
        "kind": hush.kind.value,
        "starts_at": hush.starts_at,
        "ends_at": hush.ends_at,
        "payload": json.dumps(rest),
    }


def hushes(rows: Iterable[Row[Any]]) -> tuple[Hush, ...]:
    """Hushes from their rows; one that is damaged keeps nobody from hearing."""
    found = []
    for row in rows:
        with contextlib.suppress(*_DAMAGE):
            found.append(hush(row))
    return tuple(found)


def hush(row: Row[Any]) -> Hush:
    """A hush from its row."""
    rest = json.loads(row.payload)
    checks, tags = tuple(rest.get("checks", ())), tuple(rest.get("tags", ()))
    kind = word(HushKind, row.kind, HushKind.SILENCE)
    said = (str(rest.get(name, "")) for name in ("reason", "by", "public"))
    return Hush(row.id, kind, row.starts_at, row.ends_at, checks, tags, *said)


# Notices.


def outbox_values(channel: str, notice: Notice) -> dict[str, Any]:
    """A notice for one channel as a row that is due at once."""
    return {
        "id": notice.id,
        "incident_id": notice.incident_id,
        "channel": channel,
        "kind": notice.kind.value,
        "payload": notice_json(notice),
    }


def outbox_row(row: Row[Any]) -> OutboxRow:
    """An outbox row as it stands."""
    return OutboxRow(
        id=row.id,
        channel=row.channel,
        notice=notice(row.payload),
        attempts=row.attempts,
        due_at=row.due_at,
        status=row.status,
        detail=row.detail,
        orphaned=bool(getattr(row, "orphaned", False)),
        reference=row.reference,
        earlier=getattr(row, "earlier", None) or "",
        superseded=bool(getattr(row, "superseded", False)),
    )


def notice_json(notice: Notice) -> str:
    """A notice as JSON text; ``notice`` takes it back."""
    values = plain(notice)
    if notice.kind is NoticeKind.UPDATE:
        # The release before stops at a kind that it does not know, and would send nothing more.
        values |= {"kind": NoticeKind.REMINDER.value, "newer_kind": notice.kind.value}
    return json.dumps(values)


def notice(encoded: str) -> Notice:
    """The notice in ``encoded``; keys of a later release are passed over."""
    values = json.loads(encoded)
    known = {f.name: values[f.name] for f in fields(Notice) if f.name in values}
    known["kind"] = word(NoticeKind, values.get("newer_kind", values["kind"]), NoticeKind.UPDATE)
    known["condition"] = word(Condition, values.get("condition", Condition.DOWN), Condition.DOWN)
    for name in _NOTICE_LISTS & known.keys():
        known[name] = tuple(tuple(item) if isinstance(item, list) else item for item in known[name])
    return Notice(**known)


_NOTICE_LISTS = frozenset(
    {"expected", "tags", "evidence", "regions_down", "regions_up", "phases", "actions", "members"}
)
