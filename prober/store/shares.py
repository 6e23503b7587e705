"""What rows of results come to, by check and region: tallies per five minutes and per day, and when somebody looked.

Pure. A row stands for the uneventful runs before it too, which have no row of their own: what these were is in its
payload, and all of them are counted where they belong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Row

from prober.model import Verdict
from prober.store.coverage import Coverage, Interval
from prober.store.rows import TICK_S
from prober.store.tally import DAY_S, HOUR_S, SLOT_S, Tally

Key = tuple[str, str]
"""Check id and region."""
Planned = Callable[[str, float], bool]
"""Whether a check was in maintenance at a time."""

UNWATCHED, UNTOLD = "result", "verdict"
"""What may be lacking: any result at all, or one that says something of the target."""
FRESH_S = 180.0
"""For how long a look counts of a check whose own measure is not known any more."""


@dataclass(frozen=True, slots=True)
class Word:
    """What one region says of one check now."""

    verdict: str
    heard_at: float | None
    stale_at: float | None


@dataclass(slots=True)
class Share:
    """What is to be merged of one check and region."""

    slots: dict[int, Tally] = field(default_factory=dict)
    """By five minutes since 1970."""
    days: dict[int, Tally] = field(default_factory=dict)
    looks: dict[str, list[Interval]] = field(default_factory=lambda: {UNWATCHED: [], UNTOLD: []})
    """By what may be lacking: when it was not."""

    def tallies(self, at: float) -> tuple[Tally, Tally]:
        """Those that a run which began at ``at`` is counted in."""
        slot, day = int(at // SLOT_S), int(at // DAY_S)
        return self.slots.setdefault(slot, Tally()), self.days.setdefault(day, Tally())

    def look(self, start: float, end: float, telling: bool) -> None:
        """Somebody looked."""
        for lacking in (UNWATCHED, UNTOLD) if telling else (UNWATCHED,):
            known = self.looks[lacking]
            # In order as they mostly are, a few remain of many.
            if known and known[-1][0] <= start <= known[-1][1]:
                known[-1] = (known[-1][0], max(known[-1][1], end))
            else:
                known.append((start, end))


def shares(rows: Iterable[Row[Any]], fresh_s: Mapping[Key, float], planned: Planned) -> dict[Key, Share]:
    """What ``rows`` come to; ``fresh_s`` is for how long after its end a run still counts as a look."""
    found: dict[Key, Share] = {}
    for row in rows:
        key = (row.check_id, row.region)
        share = found.get(key)
        if share is None:
            share = found[key] = Share()
        _count(share, row, fresh_s.get(key, FRESH_S), planned)
    return found


def _count(share: Share, row: Row[Any], fresh_s: float, planned: Planned) -> None:
    try:
        payload = orjson.loads(row.payload)
    except ValueError:
        payload = {}
    others = payload.get("left_out") if row.runs > 1 else None
    if others:
        first_at, last_at, *ticks = others
        share.look(first_at, last_at + ticks[-1] * TICK_S + fresh_s, True)
        for at, took in zip(_spread(first_at, last_at, len(ticks)), ticks, strict=True):
            _run(share, row.check_id, at, Verdict.UP, took * TICK_S, None, planned)
    elif row.runs > 1:  # of a release that kept nothing of them but their number
        for tally in share.tallies(row.started_at):
            tally.count(Verdict.UP, planned(row.check_id, row.started_at), row.runs - 1)
    telling = row.verdict != Verdict.UNKNOWN
    share.look(row.started_at, row.started_at + row.duration_s + fresh_s, telling)
    _run(share, row.check_id, row.started_at, row.verdict, row.duration_s, payload.get("phases"), planned)


def _run(
    share: Share,
    check_id: str,
    at: float,
    verdict: str,
    took_s: float,
    phases: Mapping[str, float] | None,
    planned: Planned,
) -> None:
    during = planned(check_id, at)
    for tally in share.tallies(at):
        tally.count(verdict, during)
        if verdict in (Verdict.UP, Verdict.DEGRADED):
            tally.took(took_s, phases)


def _spread(first_at: float, last_at: float, number: int) -> Iterator[float]:
    """When runs on fixed slots began, of which the first and the last are known."""
    step = (last_at - first_at) / max(1, number - 1)
    return (first_at + step * nth for nth in range(number))


def freshness(words: Mapping[Key, Word]) -> dict[Key, float]:
    """For how long after its end a run still counts as a look, as the regions said last."""
    return {
        key: round(word.stale_at - word.heard_at, 3)
        for key, word in words.items()
        if word.stale_at is not None and word.heard_at is not None
    }


def by_hour(slots: Mapping[int, Tally]) -> dict[int, dict[int, Tally]]:
    """Tallies by hour since 1970, then by the slot within it."""
    per_hour = HOUR_S // SLOT_S
    found: dict[int, dict[int, Tally]] = {}
    for slot, tally in slots.items():
        found.setdefault(slot // per_hour, {})[slot % per_hour] = tally
    return found


def applied(coverage: Coverage | None, looks: Iterable[Interval]) -> Coverage | None:
    """``coverage`` after somebody looked."""
    for start, end in looks:
        if coverage is None:
            coverage = Coverage(start, end)
        else:
            coverage.cover(start, end)
    return coverage
