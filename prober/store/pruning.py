"""Keeping the store bounded: what is old goes, and what is the least missed when there is too much."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, delete, exists, func, or_, select, tuple_

from prober.model import Verdict
from prober.store import schema
from prober.store.database import Database

PRUNE_ROWS = 5_000
ROW_BYTES = 400
"""What a result takes beside its texts: its other columns, and its place in four indexes."""
SAMPLE_ROWS = 1_000
FORGET_REGION_S = 30 * 86_400.0
"""A region that was not heard of for so long is not missed any more."""

_results = schema.results.c
UNEVENTFUL = _results.verdict == Verdict.UP.value


class Pruning(Database):
    """Throwing away."""

    def prune(self, before: float) -> int:
        """Drop results, transitions, finished incidents and what was told of them, from before ``before``; how many.

        Incidents that are not finished and notices that still wait are kept however old they are. Hushes that ended,
        regions that were forgotten and what was decided of checks that are no more go too.
        """
        incidents, box, hushes = schema.incidents.c, schema.outbox.c, schema.hushes.c
        kept = select(incidents.id).where(or_(schema.unfinished, incidents.closed_at >= before))
        done = and_(box.status != schema.PENDING, box.done_at < before, box.incident_id.not_in(kept))
        dropped = (
            self._drop([_results.seq], _results.started_at < before)
            + self._drop([schema.transitions.c.seq], schema.transitions.c.at < before)
            + self._drop([box.seq], done)
            + self._drop([incidents.id], and_(~schema.unfinished, incidents.closed_at < before))
            + self._drop([hushes.id], hushes.ends_at < before)
            + self._forget_regions()
            + self._drop([schema.standings.c.check_id, schema.standings.c.region], _baseless())
        )
        self._give_back()
        return dropped

    def shrink(self, max_bytes: int) -> int:
        """Drop the oldest uneventful results, then the oldest of all, until ``max_bytes`` hold the rest; how many."""
        dropped = 0
        for which in (UNEVENTFUL, None):
            while excess := self._excess_rows(max_bytes):
                count = self._drop_oldest(excess, which)
                dropped += count
                if not count:
                    break
        self._give_back()
        return dropped

    def _forget_regions(self) -> int:
        table, states = schema.regions.c, schema.states.c
        gone = select(table.region).where(table.heard_at < self._now() - FORGET_REGION_S)
        stale = self._drop([states.check_id, states.region], states.region.in_(gone))
        return stale + self._drop([table.region], table.region.in_(gone))

    def _excess_rows(self, max_bytes: int) -> int:
        """About how many results have to go; 0 when all is well."""
        chars = func.length(_results.payload) + func.length(_results.message)
        latest = select(chars.label("chars")).order_by(_results.seq.desc()).limit(SAMPLE_ROWS).subquery()
        with self._reading() as connection:
            mean = connection.execute(select(func.avg(latest.c.chars))).scalar_one()
            row_bytes = ROW_BYTES + float(mean or 0.0)
            excess = self._place.used_bytes(connection, row_bytes, max_bytes) - max_bytes
        return math.ceil(max(0.0, excess) / row_bytes)

    def _drop_oldest(self, rows: int, which: ColumnElement[bool] | None) -> int:
        """Drop so many of the oldest results, of all or of those that are ``which``; how many there were."""
        dropped = 0
        while dropped < rows:
            oldest = select(_results.seq).order_by(_results.started_at).limit(min(PRUNE_ROWS, rows - dropped))
            oldest = oldest if which is None else oldest.where(which)
            with self._writing() as connection:
                count = connection.execute(delete(schema.results).where(_results.seq.in_(oldest))).rowcount
            dropped += count
            if not count:
                break
        return dropped

    def _drop(self, key: list[Column[Any]], condition: ColumnElement[bool]) -> int:
        # In pieces, so that nobody who has something to write waits long.
        dropped = 0
        while True:
            some = select(*key).where(condition).limit(PRUNE_ROWS)
            one = key[0] if len(key) == 1 else tuple_(*key)
            with self._writing() as connection:
                count = connection.execute(delete(key[0].table).where(one.in_(some))).rowcount
            dropped += count
            if count < PRUNE_ROWS:
                return dropped

    def _give_back(self) -> None:
        more = True
        while more:
            with self._writing() as connection:
                more = self._place.give_back(connection)


def _baseless() -> ColumnElement[bool]:
    """What was decided of checks that no region has a state of, and that nothing is left to tell of."""
    table, states, incidents = schema.standings.c, schema.states.c, schema.incidents.c
    here = or_(table.region == "", table.region == states.region)
    return and_(
        ~exists().where(states.check_id == table.check_id, here),
        ~exists().where(incidents.check_id == table.check_id, schema.unfinished),
    )
