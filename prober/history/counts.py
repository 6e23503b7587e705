"""What runs came to between two times: from days where they are whole, from five minutes at their edges, from results
that are not rolled up yet. Edges within five minutes are those of the five minutes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping

from prober.history.words import Bucket
from prober.store.past import Past
from prober.store.shares import Key, Share
from prober.store.sketch import quantiles
from prober.store.tally import DAY_S, HOUR_S, SLOT_S, SLOTS, Tally, unpack, unpack_brief

WIDTHS = (300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200, DAY_S, 2 * DAY_S, 7 * DAY_S, 30 * DAY_S)
"""Of buckets: each is so many of a smaller one, so that what is kept can be merged."""
_WANTED = (0.5, 0.95, 0.99)

Found = tuple[int, int]
"""Runs, and the good ones of them."""


def counts(
    past: Past, fresh: Mapping[Key, Share], check_ids: Collection[str], region: str, since: float, until: float
) -> dict[str, Found]:
    """Runs that say something of each check, and the good ones."""
    found = dict.fromkeys(check_ids, (0, 0))
    first, last = math.ceil(since / DAY_S), math.floor(until / DAY_S)
    for row in past.days(check_ids, first, last - 1) if first < last else ():
        if region in ("", row.region):
            runs, good = found[row.check_id]
            found[row.check_id] = (runs + row.runs, good + row.good)
    edges = [(since, first * DAY_S), (last * DAY_S, until)] if first <= last else [(since, until)]
    for start, end in edges:
        for check_id, more, well in _slot_counts(past, fresh, check_ids, region, start, end):
            runs, good = found[check_id]
            found[check_id] = (runs + more, good + well)
    if first < last:
        for check_id, tally in _fresh_days(fresh, region, first, last):
            runs, good = found[check_id]
            found[check_id] = (runs + tally.runs, good + tally.good)
    return found


def day_counts(
    past: Past, fresh: Mapping[Key, Share], check_ids: Collection[str], region: str, first: int, last: int
) -> dict[tuple[str, int], Found]:
    """The same per day since 1970, from ``first`` to ``last``; a day without runs is missing."""
    found: dict[tuple[str, int], Found] = {}
    for row in past.days(check_ids, first, last):
        if region in ("", row.region):
            runs, good = found.get((row.check_id, row.day), (0, 0))
            found[row.check_id, row.day] = (runs + row.runs, good + row.good)
    for (check_id, where), share in fresh.items():
        if region in ("", where):
            for day, tally in share.days.items():
                runs, good = found.get((check_id, day), (0, 0))
                found[check_id, day] = (runs + tally.runs, good + tally.good)
    return found


def width_of(since: float, until: float, points: int, at_least: float = 0.0) -> int:
    """The least width of which at most ``points`` buckets hold the time between."""
    for width in WIDTHS:
        if width >= at_least and math.ceil(until / width) - math.floor(since / width) <= max(1, points):
            return width
    return WIDTHS[-1] * math.ceil((until - since) / WIDTHS[-1] / max(1, points) + 1)


def tallies(
    past: Past,
    fresh: Mapping[Key, Share],
    check_ids: Collection[str],
    region: str,
    starts: Collection[int],
    width: int,
    *,
    phases: bool = True,
) -> dict[tuple[str, int], Tally]:
    """What runs came to, by check and the start of each bucket that is wanted; one without runs is missing."""
    found: dict[tuple[str, int], Tally] = {}
    if not starts:
        return found
    since, until, wanted = min(starts), max(starts) + width, frozenset(starts)
    if width < DAY_S and not phases:
        _merge_briefly(found, past, check_ids, region, wanted, width)
        source: Iterable[tuple[str, int, Tally]] = _fresh_slots(fresh, region, since, until)
    elif width < DAY_S:
        source = _slots(past, fresh, check_ids, region, since, until)
    else:
        source = _days(past, fresh, check_ids, region, since, until)
    for check_id, at, tally in source:
        start = at // width * width
        if start in wanted:
            found.setdefault((check_id, start), Tally()).add(tally)
    return found


def bucket(start: int, width: int, tally: Tally | None, *, phases: bool = True) -> Bucket:
    """A tally as it is told."""
    if tally is None:
        return Bucket(float(start), float(width), 0, 0)
    p50_s, p95_s, p99_s = quantiles(tally.bins, _WANTED)
    return Bucket(
        float(start),
        float(width),
        tally.runs + tally.planned,
        tally.good + tally.planned_good,
        p50_s,
        p95_s,
        p99_s,
        tally.means() if phases else {},
    )


def _merge_briefly(
    found: dict[tuple[str, int], Tally],
    past: Past,
    check_ids: Collection[str],
    region: str,
    wanted: frozenset[int],
    width: int,
) -> None:
    first, last = min(wanted) // SLOT_S, (max(wanted) + width) // SLOT_S - 1
    for row in past.hours(check_ids, first // SLOTS, last // SLOTS):
        if region not in ("", row.region):
            continue
        slots = row.hour * SLOTS
        for slot, numbers, bins in unpack_brief(row.payload, first - slots, last - slots):
            start = (slots + slot) * SLOT_S // width * width
            if start in wanted:
                key = (row.check_id, start)
                tally = found.get(key)
                if tally is None:
                    tally = found[key] = Tally()
                tally.add_brief(numbers, bins)


def _slots(
    past: Past, fresh: Mapping[Key, Share], check_ids: Collection[str], region: str, since: float, until: float
) -> Iterator[tuple[str, int, Tally]]:
    """Check, start and tally of every five minutes between."""
    if since >= until:
        return
    first, last = int(since // SLOT_S), math.ceil(until / SLOT_S) - 1
    for row in past.hours(check_ids, first // SLOTS, last // SLOTS):
        if region in ("", row.region):
            for slot, tally in unpack(row.payload).items():
                if first <= row.hour * SLOTS + slot <= last:
                    yield row.check_id, row.hour * HOUR_S + slot * SLOT_S, tally
    yield from _fresh_slots(fresh, region, since, until)


def _slot_counts(
    past: Past, fresh: Mapping[Key, Share], check_ids: Collection[str], region: str, since: float, until: float
) -> Iterator[tuple[str, int, int]]:
    """Check, runs and good ones of every five minutes between."""
    if since >= until:
        return
    first, last = int(since // SLOT_S), math.ceil(until / SLOT_S) - 1
    for row in past.hours(check_ids, first // SLOTS, last // SLOTS):
        if region in ("", row.region):
            slots = row.hour * SLOTS
            for _, (runs, good, *_), _ in unpack_brief(row.payload, first - slots, last - slots):
                yield row.check_id, runs, good
    yield from ((name, tally.runs, tally.good) for name, _, tally in _fresh_slots(fresh, region, since, until))


def _fresh_slots(
    fresh: Mapping[Key, Share], region: str, since: float, until: float
) -> Iterator[tuple[str, int, Tally]]:
    first, last = int(since // SLOT_S), math.ceil(until / SLOT_S) - 1
    for check_id, share in _shares(fresh, region):
        for slot, tally in share.slots.items():
            if first <= slot <= last:
                yield check_id, slot * SLOT_S, tally


def _days(
    past: Past, fresh: Mapping[Key, Share], check_ids: Collection[str], region: str, since: float, until: float
) -> Iterator[tuple[str, int, Tally]]:
    first, last = int(since // DAY_S), math.ceil(until / DAY_S) - 1
    for row in past.days(check_ids, first, last, packed=True):
        if region in ("", row.region):
            yield row.check_id, row.day * DAY_S, unpack(row.payload)[0]
    for check_id, share in _shares(fresh, region):
        for day, tally in share.days.items():
            if first <= day <= last:
                yield check_id, day * DAY_S, tally


def _fresh_days(fresh: Mapping[Key, Share], region: str, first: int, last: int) -> Iterator[tuple[str, Tally]]:
    for check_id, share in _shares(fresh, region):
        for day, tally in share.days.items():
            if first <= day < last:
                yield check_id, tally


def _shares(fresh: Mapping[Key, Share], region: str) -> Iterable[tuple[str, Share]]:
    return ((check_id, share) for (check_id, where), share in fresh.items() if region in ("", where))
