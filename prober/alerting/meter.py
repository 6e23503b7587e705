"""The counting thread: about once a minute, how fast each objective's budget is used up, from the runs in the store."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from prober.alerting.burns import BURNS, NO_RUNS, Burns
from prober.alerting.gates import covers
from prober.faults import describe
from prober.log import Log
from prober.model import Check, Hush, HushKind, Slo
from prober.model.slo import WINDOWS
from prober.store import Count, Store, StoreFault
from prober.store.coverage import merged

EVERY_S = 60.0
SHARE = 100.0
"""A window is counted anew after this part of it, since it has hardly changed before ..."""
LONGEST_S = 3_600.0
"""... but at least so often."""
STRETCHES = 1_000

DAY_S = 86_400.0
RAW_S = 3 * DAY_S
"""The results of longer windows may be gone."""

_log = Log(__name__)

Spans = tuple[tuple[float, float], ...]


class Planned(Protocol):
    """A maintenance window of the configuration, at any time."""

    def selects(self, check: Check) -> bool: ...
    def stretches(self, since: float, until: float, most: int = 20) -> Iterable[tuple[float, float]]: ...


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be counted, and what was."""

    checks: Mapping[str, Check]
    windows: Sequence[Planned]
    found: dict[float, Mapping[str, Count]] = field(default_factory=dict)
    """By the length of a window."""
    counted_at: dict[float, float] = field(default_factory=dict)
    """The same, by the monotonic clock."""

    @property
    def own_windows(self) -> set[float]:
        """Over how long the objectives hold."""
        return {check.slo.window for check in self.checks.values() if check.slo is not None}


class Meter:
    """Counts for the checks that have an objective; what it found last is in ``burns``."""

    def __init__(self, store: Store, monotonic: Callable[[], float], on_burns: Callable[[], None]) -> None:
        """``on_burns`` is called in the counting thread when there is something new."""
        self.burns: Mapping[str, Burns] = {}
        self._store = store
        self._monotonic = monotonic
        self._on_burns = on_burns
        self._task = Task({}, ())
        self._wanted = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def configure(self, checks: Iterable[Check], windows: Sequence[Planned] = ()) -> None:
        """Count for those of ``checks`` that have an objective, and not what falls into ``windows``."""
        self._task = Task({check.id: check for check in checks if check.slo is not None}, windows)
        self._wanted.set()

    def start(self) -> None:
        self._thread.start()

    def close(self, grace_s: float) -> None:
        """Stop, after what is being counted."""
        self._stopped = True
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(grace_s)

    def measure(self) -> None:
        """Count now. Raises StoreFault."""
        task = self._task
        if not task.checks:
            self.burns = {}
            return
        at, lengths_s = self._store.now(), sorted({*WINDOWS.values(), *task.own_windows})
        hushes = self._store.hushes(at - lengths_s[-1])
        quiet = [hush for hush in hushes if hush.kind is HushKind.MAINTENANCE]
        for length_s in lengths_s:
            counted_at, every_s = task.counted_at.get(length_s), min(max(EVERY_S, length_s / SHARE), LONGEST_S) - 1.0
            if counted_at is None or self._monotonic() - counted_at >= every_s:
                task.found[length_s] = self._count_back(task, quiet, at - length_s, at)
                task.counted_at[length_s] = self._monotonic()
        burns = {
            check.id: _burns(check, check.slo, task.found, at)
            for check in task.checks.values()
            if check.slo is not None
        }
        self.burns = {name: self._explained(name, one) if one.alarming else one for name, one in burns.items()}

    def _run(self) -> None:
        while True:
            self._wanted.clear()
            if self._stopped:
                return
            try:
                self.measure()
                self._on_burns()
            except StoreFault as fault:
                _log.warning("budgets cannot be counted, trying again", error=describe(fault))
            self._wanted.wait(EVERY_S)

    def _count_back(self, task: Task, quiet: Sequence[Hush], since: float, until: float) -> Mapping[str, Count]:
        """What ran between the two: of long windows whole days and what there is of today, since results go."""
        if until - since <= RAW_S:
            return self._count(task, quiet, since, until)
        today = int(until // DAY_S)
        days = self._store.counts_of_days(list(task.checks), math.ceil(since / DAY_S), today)
        rest = self._count(task, quiet, today * DAY_S, until)
        return {name: days.get(name, NO_RUNS) + rest.get(name, NO_RUNS) for name in days.keys() | rest.keys()}

    def _count(self, task: Task, quiet: Sequence[Hush], since: float, until: float) -> Mapping[str, Count]:
        """What ran between the two, without what was under maintenance; of good runs alone it makes no difference."""
        found = dict(self._store.counts(list(task.checks), since, until))
        alike: dict[Spans, list[str]] = {}
        for name in (name for name, count in found.items() if count.bad):
            spans = _maintained(task.checks[name], task.windows, quiet, since, until)
            alike.setdefault(spans, []).append(name)
        for spans, names in alike.items():
            for start, end in spans:
                for name, count in self._store.counts(names, start, end).items():
                    found[name] -= count
        return found

    def _explained(self, check_id: str, burns: Burns) -> Burns:
        pairs = [pair for condition in BURNS if (pair := burns.pair(condition))]
        return replace(burns, failing=self._store.failing(check_id, burns.at - max(pair.long_s for pair in pairs)))


def _burns(check: Check, slo: Slo, found: Mapping[float, Mapping[str, Count]], at: float) -> Burns:
    counts = {window: found[seconds].get(check.id, NO_RUNS) for window, seconds in WINDOWS.items()}
    return Burns(slo, at, counts, found[slo.window].get(check.id, NO_RUNS), check.interval)


def _maintained(check: Check, windows: Iterable[Planned], quiet: Iterable[Hush], since: float, until: float) -> Spans:
    """When ``check`` was under maintenance, oldest first; none of it twice."""
    found = [span for one in windows if one.selects(check) for span in one.stretches(since, until, STRETCHES)]
    found += [(hush.starts_at, hush.ends_at) for hush in quiet if covers(hush, check)]
    cut = ((max(start, since), min(end, until)) for start, end in found)
    return tuple(merged(span for span in cut if span[0] < span[1]))
