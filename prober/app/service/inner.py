"""The prober's own health in words and figures, for the page that shows it."""

from __future__ import annotations

import math
import resource
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prober import __version__
from prober.app.alarm import Alarm
from prober.app.service.elsewhere import Elsewhere
from prober.app.telemetry import SelfMetrics
from prober.clock import Clock, iso
from prober.model import format_duration, format_lasting
from prober.selfwatch import descriptors
from prober.sinks.prometheus import Exposition
from prober.web import Figure

LATE_S = 0.05
"""Runs that begin later than this after their slot are late; see docs/performance.md."""
SILENT_S = 60.0
"""A region's lease: one that was not heard of for longer has gone."""
NAMED = 5


@dataclass(frozen=True, slots=True)
class Inner:
    """Reads the live objects; called from the web's thread."""

    metrics: SelfMetrics
    exposition: Exposition
    alarm: Alarm
    elsewhere: Elsewhere
    clock: Clock
    checks: Callable[[], Sequence[object]]
    started_at: float

    def __call__(self) -> Mapping[str, Sequence[Figure]]:
        sections = {
            "Schedule": self._schedule(),
            "Store": self._store(),
            "Notices": self._notices(),
            "Sinks": self._sinks(),
            "Browsers and workers": self._pools(),
            "Configuration": self._configuration(),
            "Regions": self._regions(),
            "Process": self._process(),
        }
        return {name: found for name, figures in sections.items() if (found := tuple(figures))}

    def _schedule(self) -> Iterator[Figure]:
        lag_s, missed = self.exposition.lag_within(0.99), self.exposition.missed()
        yield Figure(
            "Schedule lag, p99",
            "no run yet" if lag_s is None else "over 5 s" if math.isinf(lag_s) else f"within {format_duration(lag_s)}",
            "how late runs began after their slot, since the start",
            lag_s is None or lag_s <= LATE_S,
        )
        worst = sorted(missed.items(), key=lambda one: -one[1])[:NAMED]
        yield Figure("Missed runs", f"{sum(missed.values()):,}", _listed(worst), not missed)
        runner = self.metrics.runner
        behind_s = max(0.0, self.clock.monotonic() - runner.beat)
        yield Figure("Slots last looked at", f"{format_duration(round(behind_s, 1))} ago", well=behind_s < 5)
        stall_s = runner.stall_worst_s
        yield Figure("Longest stall of a loop", format_duration(stall_s), "since the start", stall_s < 1)
        if runner.restarts:
            yield Figure("Engine processes restarted", f"{runner.restarts:,}", well=False)

    def _store(self) -> Iterator[Figure]:
        recorder = self.alarm.recorder
        away = recorder.away
        yield Figure("Where", self.alarm.store.label, "shared by regions" if self.alarm.store.shared else "")
        yield Figure("In reach", "no: results are spooled" if away else "yes", well=not away)
        if self.alarm.store.path is not None and (size := _size(self.alarm.store.path)) is not None:
            yield Figure("Size", _bytes(size))
        yield Figure("Results waiting", f"{recorder.queued:,}", well=recorder.queued < 1_000)
        yield Figure("Batches not taken at once", f"{recorder.store_errors:,}")
        dropped = {name: count for name, count in recorder.dropped.items() if count}
        yield Figure("Results never stored", f"{sum(dropped.values()):,}", _listed(dropped.items()), not dropped)

    def _notices(self) -> Iterator[Figure]:
        pending, sent, failed, parked = self.alarm.pending, self.alarm.sent, self.alarm.failed, self.alarm.parked
        yield Figure("Waiting", f"{sum(pending.values()):,}", _listed(pending.items()), sum(pending.values()) < 20)
        yield Figure("Sent", f"{sum(sent.values()):,}", _listed(sent.items()))
        yield Figure("Attempts that failed", f"{sum(failed.values()):,}", _listed(failed.items()))
        yield Figure("Given up", f"{sum(parked.values()):,}", _listed(parked.items()), not sum(parked.values()))
        for channel, why in self.alarm.broken().items():
            yield Figure(f"Channel {channel}", "takes nothing", why, well=False)

    def _sinks(self) -> Iterator[Figure]:
        for name, sink in self.metrics.sinks().items():
            dropped = {reason: count for reason, count in sink.dropped.items() if count}
            lost = sum(dropped.values())
            value = f"{sink.queued:,} waiting, {lost:,} dropped"
            yield Figure(name, value, _listed(dropped.items()), not lost)

    def _pools(self) -> Iterator[Figure]:
        for name, pool in self.metrics.runner.pools.items():
            yield Figure(f"{name}: slots", f"{pool.busy} of {pool.slots} busy", f"{pool.workers} workers up")
            yield Figure(f"{name}: memory", _bytes(pool.memory_bytes), "workers and their browsers")
            yield Figure(f"{name}: last start", format_duration(round(pool.start_s, 3)), f"{pool.starts:,} starts")
            recycled = _listed(pool.recycled.items())
            yield Figure(f"{name}: runs", f"{pool.runs:,}", f"workers replaced: {recycled}" if recycled else "")
            if pool.kills or pool.refused:
                value = f"{pool.kills:,} killed, {pool.refused:,} refused"
                yield Figure(f"{name}: cut short", value, "at the deadline, and for want of memory", not pool.refused)

    def _configuration(self) -> Iterator[Figure]:
        reloads = self.metrics.reloads
        yield Figure("Checks", f"{len(self.checks()):,}")
        yield Figure("Digest", reloads.digest[:16])
        yield Figure("Loaded", iso(reloads.succeeded_at))
        taken = reloads.successful
        yield Figure("On disk", "the one that runs" if taken else "refused: an older one runs on", well=taken)

    def _regions(self) -> Iterator[Figure]:
        seen = self.elsewhere()
        for region, heard_at in sorted(seen.heard_at.items()):
            ago_s = max(0.0, seen.store_now - heard_at)
            yield Figure(region, f"heard of {format_lasting(ago_s)} ago", well=ago_s < SILENT_S)

    def _process(self) -> Iterator[Figure]:
        opened, limit = descriptors()
        yield Figure("Release", __version__)
        yield Figure("Up for", format_lasting(self.clock.wall() - self.started_at))
        memory_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        yield Figure("Memory, at most", _bytes(memory_bytes), "of this process")
        yield Figure("Descriptors", f"{opened:,} of {limit:,}", well=opened < limit * 0.8)
        yield Figure("Threads", f"{threading.active_count()}")


def _listed(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts if count)


def _size(path: Path) -> int | None:
    """Of the file and of what SQLite writes beside it."""
    try:
        return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*"))
    except OSError:
        return None


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1_000:
            return f"{size:.3g} {unit}"
        size /= 1_000
    return f"{size:.3g} GB"
