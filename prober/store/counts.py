"""How many runs there were and how many failed, over any stretch of time and all regions: what budgets rest on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, case, func, select

from prober.model import Reason, Verdict
from prober.store import codec, schema
from prober.store.database import Database
from prober.store.mark import ROLLED_UP, Mark
from prober.store.rows import Count, Failing
from prober.store.tally import DAY_S

NONE = Count()

LATEST = 500
"""So many of the latest failures say where a check fails; more would say the same."""

_runs = schema.results.c


class Counting(Database):
    """Counting."""

    def counts(self, check_ids: Collection[str], since: float, until: float) -> Mapping[str, Count]:
        """Of each check that ran between ``since`` and ``until``: how often, and how often it failed.

        Runs that say nothing of their target, since the prober itself failed, are not counted.
        """
        with self._reading() as connection:
            return _counted(connection, check_ids, since, until)

    def counts_of_days(self, check_ids: Collection[str], first: int, last: int) -> Mapping[str, Count]:
        """The same of the whole days since 1970 from ``first`` until before ``last``, for which results may be gone.

        Runs in maintenance are not counted.
        """
        days = schema.days.c
        with self._reading() as connection:
            rolled = Mark.read(self._meta(connection, ROLLED_UP)).seq
            query = (
                select(days.check_id, func.sum(days.runs).label("runs"), func.sum(days.runs - days.good).label("bad"))
                .where(days.day >= first, days.day < last, schema.among(connection, days.check_id, check_ids))
                .group_by(days.check_id)
            )
            found = {row.check_id: Count(int(row.runs), int(row.bad)) for row in connection.execute(query)}
            late = _counted(connection, check_ids, first * DAY_S, last * DAY_S, _runs.seq > rolled)
        return {name: found.get(name, NONE) + late.get(name, NONE) for name in found.keys() | late.keys()}

    def failing(self, check_id: str, since: float) -> Failing | None:
        """Where ``check_id`` failed after ``since``, and what was seen last; None where it did not."""
        query = select(_runs.region, _runs.reason, _runs.message).where(
            _runs.check_id == check_id, _runs.started_at >= since, _runs.verdict == Verdict.DOWN.value
        )
        rows = self._read(query.order_by(_runs.seq.desc()).limit(LATEST))
        if not rows:
            return None
        regions = tuple(sorted({row.region for row in rows}))
        return Failing(regions, codec.word(Reason, rows[0].reason, Reason.INTERNAL), rows[0].message)


def _counted(
    connection: Connection, check_ids: Collection[str], since: float, until: float, *also: ColumnElement[bool]
) -> Mapping[str, Count]:
    bad = case((_runs.verdict == Verdict.DOWN.value, _runs.runs), else_=0)
    query = (
        select(_runs.check_id, func.sum(_runs.runs).label("runs"), func.sum(bad).label("bad"))
        .where(_runs.started_at >= since, _runs.started_at < until, _runs.verdict != Verdict.UNKNOWN.value)
        .where(schema.among(connection, _runs.check_id, check_ids), *also)
        .group_by(_runs.check_id)
    )
    return {row.check_id: Count(int(row.runs), int(row.bad)) for row in connection.execute(query)}
