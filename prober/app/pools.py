"""The pools of worker processes as metrics: how busy they are, and how their workers fared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from prober.journey.slots import PoolStats
from prober.probes import Pooled, Probe

_GAUGES: Mapping[str, tuple[str, Callable[[PoolStats], float]]] = {
    "slots": ("Journeys that may run at once.", lambda pool: pool.slots),
    "busy": ("Slots in use, for a journey or for replacing their worker.", lambda pool: pool.busy),
    "workers": ("Worker processes that are up.", lambda pool: pool.workers),
    "start_seconds": ("What the last start of a worker took, its browser included.", lambda pool: pool.start_s),
    "memory_bytes": ("What the workers and their browsers took when last looked at.", lambda pool: pool.memory_bytes),
}
_COUNTERS: Mapping[str, tuple[str, Callable[[PoolStats], float]]] = {
    "runs": ("Journeys run.", lambda pool: pool.runs),
    "starts": ("Workers started.", lambda pool: pool.starts),
    "kills": ("Journeys ended with their worker at the deadline.", lambda pool: pool.kills),
    "refused": ("Workers not started, since memory did not allow it.", lambda pool: pool.refused),
}


def pools_of(probes: Mapping[str, Probe]) -> dict[str, PoolStats]:
    """The figures of every pool behind ``probes``, by the pools' names."""
    pooled = (probe for probe in probes.values() if isinstance(probe, Pooled))
    return {name: stats for probe in pooled for name, stats in probe.stats().items()}


def pool_families(pools: Mapping[str, PoolStats]) -> Iterator[Metric]:
    """``prober_pool_*`` of every pool, with its name as label ``pool``."""
    if not pools:
        return
    for name, (text, read) in _GAUGES.items():
        yield _filled(GaugeMetricFamily(f"prober_pool_{name}", text, labels=["pool"]), pools, read)
    for name, (text, read) in _COUNTERS.items():
        yield _filled(CounterMetricFamily(f"prober_pool_{name}", text, labels=["pool"]), pools, read)
    recycled = CounterMetricFamily("prober_pool_recycled", "Workers replaced, by why.", labels=["pool", "reason"])
    for pool, stats in pools.items():
        for reason, count in stats.recycled.items():
            recycled.add_metric([pool, reason], count)
    yield recycled


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily, pools: Mapping[str, PoolStats], read: Callable[[PoolStats], float]
) -> Metric:
    for pool, stats in pools.items():
        family.add_metric([pool], read(stats))
    return family
