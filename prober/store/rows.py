"""What goes into the store and comes out of it, and how it is written as rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from sqlalchemy import Row

from prober.faults import Retryable
from prober.model import Hush, Incident, Notice, NoticeKind, Reason, Result, Transition, Verdict

PAYLOAD_CHARS = 32_768
"""A result's payload is cut to its phases and outcomes beyond this: one chatty target must not fill the disk."""
MESSAGE_CHARS = 2_000


class StoreFault(Retryable):
    """The store did not take or give what it was asked: locked, full, damaged or away. Later may go better."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction writes: all of it or nothing."""

    writer: str
    """Who writes; a writer's batches follow one another."""
    token: str
    """Unique per batch: one that was committed although that failed visibly is not written twice."""
    results: tuple[Result, ...] = ()
    states: tuple[Mapping[str, Any], ...] = ()
    """Plain dicts with at least check_id, region, verdict, last_at and stale_s; the latest of each check and region."""
    transitions: tuple[Transition, ...] = ()
    forgotten: tuple[tuple[str, str], ...] = ()
    """(check id, region) whose state is dropped."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one region last said of one check."""

    check_id: str
    region: str
    state: Mapping[str, Any]
    """As it was written."""
    heard_at: float
    """When its latest run ended that counts, by the store's clock."""
    stale_at: float
    """When it is too old to count."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a decision looks at, beside every incident that is not finished."""

    check_ids: frozenset[str]
    """Checks of which something has changed."""
    ancestors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By check id: the checks it depends on, however indirectly; their votes are needed with its own."""
    region: str | None = None
    """Look only at votes and incidents of this region; None for all, where regions decide together."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a decision rests on, as of one moment of the store."""

    now: float
    """By the store's clock, which all regions share."""
    votes: Mapping[str, Mapping[str, Vote]]
    """By check id, then region: of every check in scope, of every unfinished incident, of every check with a stale
    vote, and of the ancestors of all these."""
    standings: Mapping[str, Mapping[str, Any]]
    """By check id: what was decided of it last, as it was written; missing where nothing was."""
    incidents: tuple[Incident, ...]
    """All that are not finished, oldest first."""
    hushes: tuple[Hush, ...]
    """Those that have not ended."""
    regions: Mapping[str, float]
    """By region: when it was last heard of."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a snapshot, written in the transaction that it was taken in."""

    standings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By check id: plain dicts; None would be no standing, so what ends is written as such."""
    incidents: tuple[Incident, ...] = ()
    """New or changed ones; ``version`` is the one they were read with."""
    notices: tuple[tuple[str, Notice], ...] = ()
    """(channel, notice) in the order they are to be sent. One whose id is there already is not written again."""
    transitions: tuple[Transition, ...] = ()
    """Changes decided by several regions together; their region is empty."""
    forgotten: tuple[str, ...] = ()
    """Check ids whose standing is dropped."""

    def __bool__(self) -> bool:
        return bool(self.standings or self.incidents or self.notices or self.transitions or self.forgotten)


Decide = Callable[[Snapshot], Decision]
"""Pure; may be asked twice."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result as it was kept: the words of the check as it was then, not the check itself."""

    check_id: str
    region: str
    run_id: str
    started_at: float
    duration_s: float
    verdict: Verdict
    reason: Reason
    message: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    """phases, facts, outcomes, steps, measures and artifacts; ``cut`` where it was too long to keep."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A notice for one channel, and how its delivery stands."""

    id: str
    channel: str
    notice: Notice
    attempts: int
    due_at: float
    status: str
    detail: str
    """The latest error, or what the service answered."""
    orphaned: bool = False
    reference: str = ""
    """What the service called it, for later notices of its incident."""
    earlier: str = ""
    """The reference of the incident's first notice on this channel."""
    superseded: bool = False
    """A later notice of its incident waits behind it, so that a reminder has become pointless."""
    """Whether an earlier notice of its incident was given up on this channel: nobody there knows of it."""


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


def result_row(result: Result) -> dict[str, Any]:
    """A result as a row."""
    return {
        "check_id": result.check.id,
        "region": result.region,
        "run_id": result.run_id,
        "started_at": result.started_at,
        "duration_s": result.duration_s if math.isfinite(result.duration_s) else 0.0,
        "verdict": result.verdict.value,
        "reason": result.reason.value,
        "message": text(result.message[:MESSAGE_CHARS]),
        "payload": _payload(result),
    }


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
        Verdict(row.verdict),
        reason(row.reason),
        row.message,
        json.loads(row.payload),
    )


def state_row(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state's dict as a row."""
    return {
        "check_id": state["check_id"],
        "region": state["region"],
        "verdict": str(state["verdict"]),
        "payload": json.dumps(state),
    }


def transition_row(transition: Transition) -> dict[str, Any]:
    """A transition as a row."""
    return {name: plain(getattr(transition, name)) for name in Transition.__slots__}


def transition(row: Row[Any]) -> Transition:
    """A transition from its row."""
    return Transition(row.check_id, row.region, Verdict(row.before), Verdict(row.after), row.at, row.since)


def incident_row(told: Told) -> dict[str, Any]:
    """An incident as a row."""
    incident = told.incident
    return {
        "id": incident.id,
        "check_id": incident.check_id,
        "region": incident.region,
        "reason": incident.reason.value,
        "message": text(incident.message),
        "opened_at": incident.opened_at,
        "closed_at": incident.closed_at,
        "channels": json.dumps(told.channels),
        "trigger": notice_json(told.trigger),
    }


def told(row: Row[Any]) -> Told:
    """An incident from its row."""
    incident = Incident(row.id, row.check_id, row.region, reason(row.reason), row.message, row.opened_at, row.closed_at)
    return Told(incident, notice(row.trigger), tuple(json.loads(row.channels)))


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
        row.id,
        row.channel,
        notice(row.payload),
        row.attempts,
        row.due_at,
        row.status,
        row.detail,
        bool(getattr(row, "orphaned", False)),
    )


def notice_json(notice: Notice) -> str:
    """A notice as JSON text; ``notice`` takes it back."""
    return json.dumps(plain(notice))


def notice(encoded: str) -> Notice:
    """The notice in ``encoded``; keys of a later release are passed over."""
    values = json.loads(encoded)
    known = {f.name: values[f.name] for f in fields(Notice) if f.name in values}
    known["kind"] = NoticeKind(known["kind"])
    known["expected"] = tuple((name, expected, seen) for name, expected, seen in known.get("expected", ()))
    known["tags"] = tuple(known.get("tags", ()))
    known["evidence"] = tuple((kind, url) for kind, url in known.get("evidence", ()))
    return Notice(**known)


_REASONS = {reason.value: reason for reason in Reason}


def reason(value: str) -> Reason:
    """A stored reason; ``internal`` for one that only a later release knows."""
    return _REASONS.get(value, Reason.INTERNAL)
