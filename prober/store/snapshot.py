"""What a decision rests on, read with few statements: a region may be a tenth of a second away from its database."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, true, union_all

from prober.log import Log
from prober.model import Condition, Hush, Incident
from prober.store import codec, schema
from prober.store.rows import Scope, Snapshot, Vote

DAY_S = 86_400.0
"""A vote that has been stale for longer brings its check into no decision any more, unless that is an alert."""

_log = Log(__name__)
Votes = dict[str, dict[str, Vote]]


def surroundings(connection: Connection, now: float) -> tuple[tuple[Hush, ...], Mapping[str, float]]:
    """The hushes that have not ended, and when each region was last heard of: what no decision changes."""
    hushes = connection.execute(select(schema.hushes).where(schema.hushes.c.ends_at > now)).all()
    regions = connection.execute(select(schema.regions)).all()
    return codec.hushes(hushes), {row.region: row.heard_at for row in regions}


def take(
    connection: Connection, scope: Scope, now: float, around: tuple[tuple[Hush, ...], Mapping[str, float]]
) -> Snapshot:
    """The snapshot of ``scope`` as the transaction of ``connection`` sees it."""
    incidents = _incidents(connection)
    subjects = scope.check_ids | {incident.check_id for incident in incidents}
    # While people are told that nobody looks, what that is about must not drop out of sight: it would seem over.
    told = any(incident.condition is Condition.UNMONITORED for incident in incidents)
    stale_since = 0.0 if told else now - DAY_S
    votes = _votes(connection, scope, subjects | ancestors(scope, subjects), now, stale_since)
    missing = ancestors(scope, votes) - votes.keys() - subjects
    if missing:
        votes |= _votes(connection, scope, missing, now)
    return Snapshot(
        now=now,
        votes=votes,
        standings=_standings(connection, scope, subjects | votes.keys() | ancestors(scope, subjects)),
        incidents=incidents,
        hushes=around[0],
        regions=around[1],
    )


def ancestors(scope: Scope, check_ids: Iterable[str]) -> frozenset[str]:
    """What the checks depend on."""
    return frozenset(above for check_id in check_ids for above in scope.ancestors.get(check_id, ()))


def _incidents(connection: Connection) -> tuple[Incident, ...]:
    table = schema.incidents
    # Those of a kind that only a later release knows are that one's to decide on.
    known = table.c.condition.in_([condition.value for condition in Condition])
    query = select(table).where(schema.unfinished, known).order_by(table.c.opened_at, table.c.id)
    return tuple(codec.incident(row) for row in connection.execute(query))


def _votes(
    connection: Connection, scope: Scope, check_ids: Iterable[str], now: float, stale_since: float | None = None
) -> Votes:
    """Those on ``check_ids``, and where there is a ``stale_since``, on all checks with one gone stale after that."""
    table = schema.states
    lately = (table.c.stale_at < now, table.c.stale_at > (now if stale_since is None else stale_since))
    stale = select(table.c.check_id).where(*lately, _here(table.c.region, scope))
    votes: Votes = {}
    query = select(table).where(schema.among(connection, table.c.check_id, check_ids), _here(table.c.region, scope))
    # Two that each follow an index; joined by OR they would follow none.
    late = select(table).where(table.c.check_id.in_(stale), _here(table.c.region, scope))
    for row in connection.execute(query if stale_since is None else union_all(query, late)):
        vote = _vote(row)
        if vote is not None:
            votes.setdefault(vote.check_id, {})[vote.region] = vote
    return votes


def _vote(row: Row[Any]) -> Vote | None:
    try:
        state = json.loads(row.payload)
    except ValueError:
        _log.error("a stored state is not readable, starting anew", check=row.check_id, region=row.region)
        return None
    if "stale_s" in state and row.heard_at is not None:
        stale_at = math.inf if row.stale_at is None else row.stale_at
        return Vote(row.check_id, row.region, state, row.heard_at, stale_at)
    # Of the release before, which leaves the columns as they are that it does not know.
    return Vote(row.check_id, row.region, state, float(state.get("last_at") or 0.0), math.inf)


def _standings(connection: Connection, scope: Scope, check_ids: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
    table = schema.standings
    found: dict[str, Mapping[str, Any]] = {}
    these = schema.among(connection, table.c.check_id, check_ids)
    for row in connection.execute(select(table).where(these, table.c.region == (scope.region or ""))):
        try:
            found[row.check_id] = json.loads(row.payload)
        except ValueError:
            _log.error("a stored standing is not readable, starting anew", check=row.check_id)
    return found


def _here(region: ColumnElement[str], scope: Scope) -> ColumnElement[bool]:
    return true() if scope.region is None else region == scope.region
