"""Keeping what results come to when they are gone: merged per five minutes and per day, in pieces, each of them once.

A piece is reckoned beside the others' work, and written in one transaction with the mark that says how far it went;
of two who have reckoned the same piece the second finds the mark moved, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, delete, func, select, update

from prober.model import Hush, HushKind
from prober.pace import paced
from prober.store import schema
from prober.store.coverage import Coverage, merged
from prober.store.mark import ROLLED_UP, Mark
from prober.store.past import Past
from prober.store.pruning import Pruning
from prober.store.shares import Key, Planned, Share, applied, by_hour, freshness, shares
from prober.store.tally import DAY_S, HOUR_S, Tally, pack, unpack

ROWS = 2_000
"""Rolled up at once: some tenths of a second."""
SETTLED_S = 60.0
"""Where several write, numbers are not given in the order of commits; no transaction takes longer than this."""
SIGHTINGS = 4

Covers = Callable[[Hush, str], bool]
"""Whether a hush is meant for a check, by its id."""

_results = schema.results.c
_COLUMNS = [_results[name] for name in ("seq", "check_id", "region", "started_at", "duration_s", "verdict", "runs")]


@dataclass(slots=True)
class _Piece:
    """What one transaction writes."""

    hours: list[Mapping[str, Any]] = field(default_factory=list)
    days: list[Mapping[str, Any]] = field(default_factory=list)
    watched: list[Mapping[str, Any]] = field(default_factory=list)
    gaps: list[Mapping[str, Any]] = field(default_factory=list)
    filled: list[tuple[str, str, str, float]] = field(default_factory=list)
    """Keys of gaps that are no more, or begin elsewhere."""


class RollUps(Pruning):
    """Rolling up."""

    def roll_up(self, covers: Covers, limit: int = ROWS) -> int:
        """Merge up to ``limit`` results into what is kept of them; how many. 0 where there are none left, or somebody
        else was quicker."""
        with self._reading() as connection:
            written = self._meta(connection, ROLLED_UP)
            now = float(connection.execute(select(self._now())).scalar_one())
            mark, upto = self._sighted(Mark.read(written), connection, now)
            query = select(*_COLUMNS, _results.payload).where(_results.seq > mark.seq, _results.seq <= upto)
            rows: Sequence[Any] = connection.execute(query.order_by(_results.seq).limit(limit)).all()
            past = Past(connection, now, mark.seq)
            fresh_s = freshness(past.words({row.check_id for row in rows}))
            found = shares(paced(rows), fresh_s, _planned(past, rows, covers))
            piece = _merged(past, found)
        after = replace(mark, seq=rows[-1].seq if len(rows) == limit else max(upto, mark.seq))
        if after.written() == written:
            return 0
        with self._writing() as connection:
            if not _moved(connection, written, after):
                return 0
            _write(connection, piece)
        return len(rows)

    def prune_roll_ups(self, fine_before: float, before: float) -> int:
        """Drop what was kept per five minutes from before ``fine_before``, and per day from before ``before``."""
        dropped = self._drop_rolled(schema.hours, schema.hours.c.hour, int(fine_before // HOUR_S))
        dropped += self._drop_rolled(schema.days, schema.days.c.day, int(before // DAY_S))
        gaps = schema.gaps.c
        return dropped + self._drop([gaps.check_id, gaps.region, gaps.lacking, gaps.starts_at], gaps.ends_at < before)

    def _sighted(self, mark: Mark, connection: Connection, now: float) -> tuple[Mark, int]:
        """The mark that has noted what numbers there are, and up to which of them all is there to be rolled up."""
        newest = connection.execute(select(func.max(_results.seq))).scalar() or 0
        if not self.shared:
            return mark, newest
        seen = mark.seen
        if not seen or now - seen[-1][1] >= SETTLED_S / (SIGHTINGS - 1):
            seen = (*seen, (newest, now))[-SIGHTINGS:]
        settled = [seq for seq, at in seen if now - at >= SETTLED_S]
        return replace(mark, seen=seen), max(settled, default=mark.seq)

    def _drop_rolled(self, table: Table, column: Column[int], before: int) -> int:
        # By check, since there is no index by time: it would take a tenth of the room, to be used once a night.
        with self._reading() as connection:
            watched = schema.watched.c.check_id
            check_ids = connection.execute(select(watched).distinct()).scalars().all()
        key = list(table.primary_key.columns)
        return sum(self._drop(key, and_(table.c.check_id == check_id, column < before)) for check_id in check_ids)


def _planned(past: Past, rows: Iterable[Any], covers: Covers) -> Planned:
    """Whether a check was in maintenance at a time that ``rows`` may reach back to."""
    begun = [row.started_at for row in rows]
    hushes = past.hushes(min(begun) - DAY_S, max(begun) + 1.0) if begun else ()
    maintenance = [hush for hush in hushes if hush.kind is HushKind.MAINTENANCE]

    @cache
    def stretches(check_id: str) -> list[tuple[float, float]]:
        return merged((hush.starts_at, hush.ends_at) for hush in maintenance if covers(hush, check_id))

    return lambda check_id, at: any(start <= at < end for start, end in stretches(check_id))


def _merged(past: Past, found: Mapping[Key, Share]) -> _Piece:
    """What the shares make of what is there already."""
    piece = _Piece()
    _merge_hours(past, found, piece)
    _merge_days(past, found, piece)
    _merge_coverage(past, found, piece)
    return piece


def _merge_hours(past: Past, found: Mapping[Key, Share], piece: _Piece) -> None:
    by_time: dict[int, dict[Key, dict[int, Tally]]] = {}
    for key, share in found.items():
        for hour, slots in by_hour(share.slots).items():
            by_time.setdefault(hour, {})[key] = slots
    for hour, news in by_time.items():
        known = {(row.check_id, row.region): row.payload for row in past.hours({key[0] for key in news}, hour, hour)}
        for key, slots in paced(news.items()):
            whole = unpack(known[key]) if key in known else {}
            for slot, tally in slots.items():
                whole.setdefault(slot, Tally()).add(tally)
            piece.hours.append({"check_id": key[0], "region": key[1], "hour": hour, "payload": pack(whole)})


def _merge_days(past: Past, found: Mapping[Key, Share], piece: _Piece) -> None:
    by_time: dict[int, dict[Key, Tally]] = {}
    for key, share in found.items():
        for day, tally in share.days.items():
            by_time.setdefault(day, {})[key] = tally
    for day, news in by_time.items():
        rows = past.days({key[0] for key in news}, day, day, packed=True)
        known = {(row.check_id, row.region): row.payload for row in rows}
        for key, tally in paced(news.items()):
            whole = unpack(known[key])[0] if key in known else Tally()
            whole.add(tally)
            row = {"check_id": key[0], "region": key[1], "day": day, "runs": whole.runs, "good": whole.good}
            piece.days.append({**row, "payload": pack({0: whole})})


def _merge_coverage(past: Past, found: Mapping[Key, Share], piece: _Piece) -> None:
    first = min((look[0] for share in found.values() for looks in share.looks.values() for look in looks), default=0.0)
    known = past.coverage({key[0] for key in found}, first)
    for key, share in found.items():
        for lacking, looks in share.looks.items():
            before = known.get((*key, lacking))
            gaps = set(before.gaps) if before else set()
            after = applied(before and Coverage(before.since, before.until, list(before.gaps)), looks)
            if after is None:
                continue
            subject = {"check_id": key[0], "region": key[1], "lacking": lacking}
            piece.watched.append({**subject, "since": after.since, "until": after.until})
            piece.filled += [(*key, lacking, start) for start, _ in gaps - set(after.gaps)]
            piece.gaps += [{**subject, "starts_at": a, "ends_at": b} for a, b in after.gaps if (a, b) not in gaps]


def _moved(connection: Connection, written: str | None, after: Mark) -> bool:
    """Move the mark, unless somebody else has."""
    table = schema.meta
    if written is None:
        schema.insert_new(connection, table, [{"key": ROLLED_UP, "value": ""}], ["key"])
    same = (table.c.key == ROLLED_UP, table.c.value == (written or ""))
    return connection.execute(update(table).where(*same).values(value=after.written())).rowcount == 1


def _write(connection: Connection, piece: _Piece) -> None:
    schema.upsert(connection, schema.hours, piece.hours)
    schema.upsert(connection, schema.days, piece.days)
    schema.upsert(connection, schema.watched, piece.watched)
    gaps = schema.gaps.c
    for check_id, region, lacking, starts_at in piece.filled:
        same = (gaps.check_id == check_id, gaps.region == region, gaps.lacking == lacking, gaps.starts_at == starts_at)
        connection.execute(delete(schema.gaps).where(*same))
    schema.upsert(connection, schema.gaps, piece.gaps)
