"""Every question about the past, answered from the store. May take a moment: ask from a thread."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from prober.clock import Clock, SystemClock
from prober.history.budget import BURNS, budget_of
from prober.history.counts import bucket, counts, day_counts, tallies, width_of
from prober.history.kept import Kept
from prober.history.planned import Planned, Window
from prober.history.scene import Scene, fresh
from prober.history.spans import by_piece, seconds
from prober.history.timeline import timeline
from prober.history.words import Bucket, Budget, Day, Event, IncidentQuery, Page, Query, Span, Uptime
from prober.model import Check, Incident
from prober.store import Store, StoredResult
from prober.store.past import Past, Sought
from prober.store.shares import Key, Share
from prober.store.tally import DAY_S

KEPT_S = 900.0
"""For so long what was found of past days and hours is taken for true: what comes late is seen by then."""
KEPT_CHECKS = 2_000
"""Of so many at most; 500 take some 15 MB."""
FEW, ANSWERS, ANSWER_S = 20, 16, 4.0
LATE_S = 600.0
"""What is younger is not kept: it still changes."""
FINE_S = 90 * DAY_S
LONG_S = 40 * DAY_S
"""Of a longer time latency is told by day: to merge every five minutes of it would be waited for."""
LONGEST_PAGE = 1_000

Answer = TypeVar("Answer")


class History:
    """Raises StoreFault while the store is away. A region of "" is all of them together, as it was decided."""

    def __init__(
        self,
        store: Store,
        checks: Callable[[], Iterable[Check]] = tuple,
        *,
        windows: Callable[[], Iterable[Window]] = tuple,
        fine_s: Callable[[], float] = lambda: FINE_S,
        clock: Clock | None = None,
    ) -> None:
        """``checks`` are those configured now, ``windows`` the configuration's own maintenance, and ``fine_s`` is for
        how long what runs came to per five minutes is kept."""
        self._store = store
        self._checks = checks
        self._windows = windows
        self._fine_s = fine_s
        clock = clock or SystemClock()
        self._days: Kept[tuple[Day, ...]] = Kept(clock, KEPT_CHECKS, KEPT_S)
        self._answers: Kept[Any] = Kept(clock, ANSWERS, ANSWER_S)
        self._lines: Kept[dict[int, Bucket]] = Kept(clock, KEPT_CHECKS, KEPT_S)

    def regions(self, check_id: str) -> tuple[str, ...]:
        """Where it was ever run, sorted."""
        with self._store.past() as past:
            return tuple(sorted(past.regions(check_id)))

    # Time.

    def spans(self, check_id: str, region: str, since: float, until: float) -> tuple[Span, ...]:
        """The whole time, without a gap, oldest first; maintenance lies over what was measured in it."""
        with self._store.past() as past:
            return self._scene(past, [check_id], since, until).spans(check_id, region, since, until)

    def uptime(self, check_id: str, region: str, since: float, until: float) -> Uptime:
        """How the time between was spent, and what the runs in it came to."""
        return self.uptimes(check_id, region, (since,), until)[0]

    def uptimes(self, check_id: str, region: str, since: Sequence[float], until: float) -> tuple[Uptime, ...]:
        """The same since each of several times, which costs little more than since the earliest."""
        with self._store.past() as past:
            scene = self._scene(past, [check_id], min(since), until)
            return tuple(self._uptime(past, scene, check_id, region, start, until) for start in since)

    def days(self, check_ids: Sequence[str], region: str, count: int) -> Mapping[str, tuple[Day, ...]]:
        """The latest ``count`` days of each check, oldest first, today the last."""
        return self._shared(self._many_days, tuple(check_ids), region, count)

    def _many_days(self, check_ids: Sequence[str], region: str, count: int) -> Mapping[str, tuple[Day, ...]]:
        with self._store.past() as past:
            today = int(past.now // DAY_S)
            first = today - count + 1
            before = {name: self._days.get((name, region, first, today)) for name in check_ids}
            missing = [name for name, known in before.items() if known is None]
            if missing and count > 1:
                for name, found in self._whole_days(past, missing, region, first, today - 1).items():
                    before[name] = self._days.keep((name, region, first, today), found)
            now = self._whole_days(past, list(before), region, today, today) if count > 0 else {}
            return {name: (*(known or ()), *now.get(name, ())) for name, known in before.items()}

    def _whole_days(
        self, past: Past, check_ids: Sequence[str], region: str, first: int, last: int
    ) -> dict[str, tuple[Day, ...]]:
        """The days from ``first`` to ``last`` since 1970; the last ends now, if it is today."""
        edges = [float(day * DAY_S) for day in range(first, last + 1)]
        edges.append(min((last + 1.0) * DAY_S, max(past.now, edges[0])))
        dates = [_date(day) for day in range(first, last + 1)]
        scene = self._scene(past, check_ids, edges[0], edges[-1])
        runs = day_counts(past, scene.fresh, check_ids, region, first, last)
        found = {}
        for name in check_ids:
            told = by_piece(scene.spans(name, region, edges[0], edges[-1]), edges)
            found[name] = tuple(
                Day(date, Uptime(edges[at], edges[at + 1], spent, *runs.get((name, first + at), (0, 0))))
                for at, (date, spent) in enumerate(zip(dates, told, strict=True))
            )
        return found

    # Latency.

    def latency(self, check_id: str, region: str, since: float, until: float, points: int) -> tuple[Bucket, ...]:
        """At most ``points`` buckets of one width, oldest first; with those that have no runs."""
        with self._store.past() as past:
            least = DAY_S if since < past.now - self._fine_s() or until - since > LONG_S else 0.0
            width = width_of(since, until, points, least)
            return self._buckets(past, [check_id], region, since, until, width, phases=True)[check_id]

    def sparklines(
        self, check_ids: Sequence[str], since: float, until: float, points: int
    ) -> Mapping[str, tuple[Bucket, ...]]:
        """The same for many checks at once, over all regions, without phases."""
        width = width_of(since, until, points)
        edges = (since // width * width, math.ceil(until / width) * width)
        return self._shared(self._many_lines, tuple(check_ids), *edges, width)

    def _many_lines(
        self, check_ids: Sequence[str], since: float, until: float, width: int
    ) -> Mapping[str, tuple[Bucket, ...]]:
        with self._store.past() as past:
            return self._buckets(past, check_ids, "", since, until, width, phases=False)

    def _buckets(
        self,
        past: Past,
        check_ids: Sequence[str],
        region: str,
        since: float,
        until: float,
        width: int,
        *,
        phases: bool,
    ) -> dict[str, tuple[Bucket, ...]]:
        starts = range(int(since // width) * width, math.ceil(until / width) * width, width)
        keys = {name: (name, region, width) for name in check_ids}
        known = {name: {} if phases else self._lines.get(key) or {} for name, key in keys.items()}
        wanted = ((tuple(start for start in starts if start not in line), name) for name, line in known.items())
        lines = dict(known)
        for missing, names in _alike(wanted):
            found = tallies(past, self._fresh(past, names), names, region, missing, width, phases=phases)
            for name in names:
                new = {start: bucket(start, width, found.get((name, start)), phases=phases) for start in missing}
                lines[name] = known[name] | new
        settled = past.now - LATE_S - width
        for name, key in keys.items() if not phases else ():
            line = lines[name]
            self._lines.amend(key, {start: line[start] for start in starts if start <= settled})
        return {name: tuple(line[start] for start in starts) for name, line in lines.items()}

    # Results and incidents.

    def results(self, query: Query) -> Page:
        """Results of one check, newest first."""
        limit = min(max(1, query.limit), LONGEST_PAGE)
        sought = Sought(
            query.check_id, query.region, query.verdicts, query.since, query.until, query.before, limit=limit + 1
        )
        with self._store.past() as past:
            found = past.results(sought)
        more = found[limit - 1][0] if len(found) > limit else None
        return Page(tuple(result for _, result in found[:limit]), more)

    def run(self, run_id: str) -> StoredResult | None:
        """The result of a run, whoever's check it is of."""
        with self._store.past() as past:
            return past.run(run_id)

    def last_good(self, result: StoredResult) -> StoredResult | None:
        """The latest good run of the same check and region before ``result``."""
        sought = Sought(result.check_id, result.region, ("up", "degraded"), until=result.started_at, limit=1)
        with self._store.past() as past:
            return next((found for _, found in past.results(sought)), None)

    def incidents(self, check_id: str | None, since: float, until: float, limit: int = 100) -> tuple[Incident, ...]:
        """Those that lasted at some time between; newest first."""
        with self._store.past() as past:
            return past.incidents(check_id, since, until, limit)

    def incident(self, incident_id: str) -> Incident | None:
        """The one of this very id."""
        found = self._store.incident(incident_id)
        return found if found is not None and found.id == incident_id else None

    def incident_page(self, query: IncidentQuery) -> tuple[Incident, ...]:
        """Those that are asked for, newest first."""
        return self._store.incident_page(
            check_id=query.check_id,
            closed=query.closed,
            condition=query.condition,
            since=query.since,
            until=query.until,
            before=query.before,
            limit=query.limit,
        )

    def timeline(self, incident: Incident) -> tuple[Event, ...]:
        """What happened in it, oldest first: failures, transitions, notices and what became of them, answers, notes."""
        check = self._by_id().get(incident.check_id)
        with self._store.past() as past:
            return timeline(past, incident, check.tags if check is not None else ())

    def budget(self, check: Check, now: float) -> Budget | None:
        """None where the check has no objective."""
        if check.slo is None:
            return None
        with self._store.past() as past:
            scene = self._scene(past, [check.id], now - check.slo.window, now)
            window, latest = self._uptime(past, scene, check.id, "", now - check.slo.window, now), scene.fresh
            runs = {
                name: counts(past, latest, [check.id], "", now - span_s, now)[check.id]
                for name, span_s in BURNS.items()
            }
        return budget_of(check.slo, window, runs, now)

    # What all of them need.

    def _shared(
        self, ask: Callable[..., Mapping[str, Answer]], check_ids: tuple[str, ...], *rest: Any
    ) -> Mapping[str, Answer]:
        """What is asked of many checks is asked by everybody who looks at all of them: once for all, for a moment."""
        if len(check_ids) <= FEW:
            return ask(check_ids, *rest)
        key = (ask.__name__, check_ids, *rest)
        found: Mapping[str, Answer] | None = self._answers.get(key)
        return self._answers.keep(key, ask(check_ids, *rest)) if found is None else found

    def _uptime(self, past: Past, scene: Scene, check_id: str, region: str, since: float, until: float) -> Uptime:
        spent = seconds(scene.spans(check_id, region, since, until), since, until)
        return Uptime(since, until, spent, *counts(past, scene.fresh, [check_id], region, since, until)[check_id])

    def _scene(self, past: Past, check_ids: Collection[str], since: float, until: float) -> Scene:
        return Scene(past, check_ids, since, self._planned(past, since, until))

    def _fresh(self, past: Past, check_ids: Collection[str]) -> dict[Key, Share]:
        """What is not rolled up yet."""
        return fresh(past, check_ids, past.words(check_ids), self._planned(past, past.now, past.now))

    def _planned(self, past: Past, since: float, until: float) -> Planned:
        hushes = past.hushes(min(since, past.now - DAY_S), max(until, past.now))
        return Planned(hushes, self._by_id(), self._windows(), past.now)

    def _by_id(self) -> dict[str, Check]:
        return {check.id: check for check in self._checks()}


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()


def _alike(items: Iterable[tuple[tuple[int, ...], str]]) -> Iterator[tuple[tuple[int, ...], list[str]]]:
    """Names by what they want: those that want the same are asked for together."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for wanted, name in items:
        if wanted:
            groups.setdefault(wanted, []).append(name)
    yield from groups.items()
