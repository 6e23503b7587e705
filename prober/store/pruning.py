"""Keeping the store bounded: what is old goes, and what is the least missed when there is too much."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, delete, exists, func, or_, select, tuple_

from prober.model import Verdict
from prober.store import schema
from prober.store.database import Database
from prober.store.mark import ROLLED_UP, Mark

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

    def prune(self, before: float, told_before: float | None = None, past_before: float | None = None) -> int:
        """Drop results from before ``before``, what was told from before ``told_before``, and from before
        ``past_before`` what history rests on: transitions, finished incidents, hushes that ended; how many.

        Incidents that are not finished and notices that still wait are kept however old they are, and results that
        are not rolled up yet. Regions that were forgotten and what was decided of checks that are no more go too.
        """
        told_before = before if told_before is None else told_before
        past_before = before if past_before is None else past_before
        incidents, box, hushes = schema.incidents.c, schema.outbox.c, schema.hushes.c
        kept = select(incidents.id).where(or_(schema.unfinished, incidents.closed_at >= told_before))
        done = and_(box.status != schema.PENDING, box.done_at < told_before, box.incident_id.not_in(kept))
        dropped = (
            self._drop([_results.seq], and_(_results.started_at < before, self._expendable()))
            + self._drop([schema.transitions.c.seq], schema.transitions.c.at < past_before)
            + self._drop([box.seq], done)
            + self._drop([incidents.id], and_(~schema.unfinished, incidents.closed_at < past_before))
            + self._drop([schema.notes.c.seq], schema.notes.c.incident_id.not_in(select(incidents.id)))
            + self._drop([schema.markers.c.id], schema.markers.c.at < past_before)
            + self._drop([hushes.id], hushes.ends_at < past_before)
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

    def _expendable(self) -> ColumnElement[bool]:
        """Of results: not the latest, whose number would be given again, and what is rolled up, where anything is."""
        latest = select(func.max(_results.seq)).scalar_subquery()
        with self._reading() as connection:
            written = self._meta(connection, ROLLED_UP)
        if written is None:
            return _results.seq < latest
        return and_(_results.seq < latest, _results.seq <= Mark.read(written).seq)

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
        dropped, latest = 0, select(func.max(_results.seq)).scalar_subquery()
        while dropped < rows:
            oldest = (
                select(_results.seq)
                .where(_results.seq < latest)
                .order_by(_results.started_at)
                .limit(min(PRUNE_ROWS, rows - dropped))
            )
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
