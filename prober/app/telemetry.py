"""The process's own metrics: what the prober says of itself beside what it says of its targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from prober import __version__
from prober.app.alarm import Alarm
from prober.app.pools import pool_families
from prober.app.running import Runner
from prober.selfwatch import Heartbeat
from prober.sinks import Sink


@dataclass(slots=True)
class Reloads:
    """How the configuration got here."""

    digest: str
    successful: bool
    succeeded_at: float


@dataclass(slots=True, eq=False)
class SelfMetrics(Collector):
    """Reads the live objects when scraped; they count, this only names what they counted."""

    region: str
    reloads: Reloads
    runner: Runner
    alarm: Alarm
    sinks: Callable[[], Mapping[str, Sink]]
    heartbeat: Callable[[], Heartbeat | None]
    uploads: Callable[[], Mapping[str, int]] = dict

    def collect(self) -> Iterator[Metric]:
        yield self._info("prober_build_info", "The release that runs here.", version=__version__, region=self.region)
        yield from self._reloads()
        yield GaugeMetricFamily(
            "prober_loop_stall_worst_seconds",
            "The longest the event loop stood still.",
            value=self.runner.stall_worst_s,
        )
        yield CounterMetricFamily(
            "prober_engine_restarts", "Engine processes started in place of one that ended.", value=self.runner.restarts
        )
        yield from self._recorder()
        yield from self._delivery()
        yield self._incidents()
        yield from self._budgets()
        yield from self._sinks()
        yield from self._heartbeat()
        yield from pool_families(self.runner.pools)
        if uploads := self.uploads():
            yield _by("prober_artifact_uploads", "Copies of evidence to S3.", "outcome", uploads)

    def _info(self, name: str, help_text: str, **labels: str) -> Metric:
        family = GaugeMetricFamily(name, help_text, labels=list(labels))
        family.add_metric(list(labels.values()), 1)
        return family

    def _reloads(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "prober_config_last_reload_successful",
            "1 when the configuration on disk is the one that runs, 0 when it was refused.",
            value=float(self.reloads.successful),
        )
        yield GaugeMetricFamily(
            "prober_config_last_reload_success_timestamp_seconds",
            "When the configuration that runs was loaded.",
            value=self.reloads.succeeded_at,
        )
        yield self._info("prober_config_info", "The configuration that runs.", digest=self.reloads.digest[:16])

    def _recorder(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "prober_store_queued_results", "Results waiting to be stored.", value=self.alarm.recorder.queued
        )
        yield CounterMetricFamily(
            "prober_store_errors", "Batches the store did not take at once.", value=self.alarm.recorder.store_errors
        )
        yield GaugeMetricFamily(
            "prober_store_away",
            "1 while the store is away, results are spooled and alerts go by this region's own view.",
            value=float(self.alarm.recorder.away),
        )
        yield _by(
            "prober_store_dropped_results", "Results that were never stored.", "reason", self.alarm.recorder.dropped
        )

    def _delivery(self) -> Iterable[Metric]:
        notices = CounterMetricFamily(
            "prober_notices", "Attempts to deliver notices, by outcome.", labels=["channel", "outcome"]
        )
        for outcome, counts in (
            ("sent", self.alarm.sent),
            ("failed", self.alarm.failed),
            ("parked", self.alarm.parked),
        ):
            for channel, count in counts.items():
                notices.add_metric([channel, outcome], count)
        yield notices
        pending = GaugeMetricFamily("prober_notices_pending", "Notices waiting to be delivered.", labels=["channel"])
        for channel, count in self.alarm.pending.items():
            pending.add_metric([channel], count)
        yield pending

    def _incidents(self) -> Metric:
        family = GaugeMetricFamily(
            "prober_incident_open",
            "1 while the incident is open; without a region where several decide together.",
            labels=["check", "region", "condition"],
        )
        found = [one for one in self.alarm.incidents if one.closed_at is None]
        for key in dict.fromkeys((one.check_id, one.region, one.condition.value) for one in found):
            family.add_metric(key, 1)
        return family

    def _budgets(self) -> Iterable[Metric]:
        objective = GaugeMetricFamily(
            "prober_slo_objective", "The share of runs that must succeed, 0 to 1.", labels=["check"]
        )
        left = GaugeMetricFamily(
            "prober_slo_budget_left_ratio",
            "The share of what the objective leaves to fail that is left of its window; below 0 when overdrawn.",
            labels=["check"],
        )
        rate = GaugeMetricFamily(
            "prober_slo_burn_rate",
            "How many times as fast as allowed the budget was used up within the window.",
            labels=["check", "window"],
        )
        for check_id, burns in self.alarm.meter.burns.items():
            objective.add_metric([check_id], round(burns.slo.objective / 100, 9))
            if burns.left is not None:
                left.add_metric([check_id], burns.left)
            for window in burns.counts:
                if (found := burns.rate(window)) is not None:
                    rate.add_metric([check_id, window], found)
        if objective.samples:
            yield from (objective, left, rate)

    def _sinks(self) -> Iterable[Metric]:
        queued = GaugeMetricFamily("prober_sink_queued_results", "Results waiting in a sink.", labels=["sink"])
        dropped = CounterMetricFamily("prober_sink_dropped", "Results a sink gave up.", labels=["sink", "reason"])
        for name, sink in self.sinks().items():
            queued.add_metric([name], sink.queued)
            for reason, count in sink.dropped.items():
                dropped.add_metric([name, reason], count)
        yield queued
        yield dropped

    def _heartbeat(self) -> Iterable[Metric]:
        heartbeat = self.heartbeat()
        if heartbeat is not None:
            counts = {"sent": heartbeat.sent, "failed": heartbeat.failed}
            yield _by("prober_heartbeats", "Calls of the dead man's switch.", "outcome", counts)


def _by(name: str, help_text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def registry_of(metrics: SelfMetrics) -> CollectorRegistry:
    """A registry with ``metrics`` and Python's own: process, platform, garbage collection."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(metrics)
    return registry
