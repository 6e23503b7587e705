"""What the ways into CloudWatch cost a month, in $ at the list price of us-east-1.

https://aws.amazon.com/cloudwatch/pricing; other regions differ by some tenths. Free tier, alarms and stored logs are
left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from prober.model import Check
from prober.sinks import SinkSpec
from prober.sinks.cloudwatch.emf import Spec as EmfSpec
from prober.sinks.cloudwatch.logs import Spec as LogsSpec
from prober.sinks.cloudwatch.spec import Group, Metrics
from prober.sinks.cloudwatch.spec import Spec as MetricsSpec

MONTH_S = 30 * 86_400.0
TIERS = ((10_000, 0.30), (240_000, 0.10), (750_000, 0.05), (float("inf"), 0.02))
SLOW_FLUSH_S = 60.0
REQUEST = 0.01 / 1_000
INGESTED_BYTE = 0.50 / 1e9

# What results were seen to take, in bytes, rounded up.
LINE_BYTES = 800
EVENT_BYTES: Mapping[str, int] = {"browser": 12_000, "pytest": 4_000, "api": 4_000}
OTHER_EVENT_BYTES = 1_500

PHASES: Mapping[str, tuple[str, ...]] = {
    "http": ("resolve", "connect", "tls", "processing", "transfer"),
    "tcp": ("resolve", "connect", "tls", "dialogue"),
}
VITALS = ("TTFB", "FCP", "LCP", "INP", "TBT", "CLS")
GROUPS: tuple[Group, ...] = ("phases", "steps", "vitals", "measures")


@dataclass(frozen=True, slots=True)
class Load:
    """One check as it runs: where, how often a month, and what its journey's file holds."""

    check: Check
    regions: tuple[str, ...]
    runs: float
    steps: int = 0
    measures: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """A month of one sink with the options that ``option`` names."""

    option: str
    metrics: int = 0
    requests: float = 0.0
    ingested_bytes: float = 0.0

    @property
    def metrics_usd(self) -> float:
        left, usd = float(self.metrics), 0.0
        for size, price in TIERS:
            part = min(left, size)
            usd += part * price
            left -= part
        return usd

    @property
    def sending_usd(self) -> float:
        return self.requests * REQUEST + self.ingested_bytes * INGESTED_BYTE

    @property
    def usd(self) -> float:
        return self.metrics_usd + self.sending_usd


def prices(spec: SinkSpec, loads: Sequence[Load]) -> Iterator[Price]:
    """A month of ``spec`` as it is configured, and with each option changed; nothing for other kinds of sinks."""
    if isinstance(spec, LogsSpec):
        sizes = (one.runs * len(one.regions) * EVENT_BYTES.get(one.check.kind, OTHER_EVENT_BYTES) for one in loads)
        yield Price("as configured", ingested_bytes=sum(sizes))
    elif isinstance(spec, Metrics):
        yield (now := _price("as configured", spec, loads))
        others = (_price(option, other, loads) for option, other in _others(spec))
        yield from (other for other in others if replace(other, option=now.option) != now)


def _others(spec: Metrics) -> Iterator[tuple[str, Metrics]]:
    if set(spec.metrics) != {"success"}:
        yield "metrics: [success]", spec.model_copy(update={"metrics": ("success",)})
    if set(spec.metrics) != {"success", "duration"}:
        yield "metrics: [success, duration]", spec.model_copy(update={"metrics": ("success", "duration")})
    for group in GROUPS:
        if group not in spec.metrics:
            yield f"with {group}", spec.model_copy(update={"metrics": (*spec.metrics, group)})
        elif len(spec.metrics) > 1:
            rest = tuple(one for one in spec.metrics if one != group)
            yield f"without {group}", spec.model_copy(update={"metrics": rest})
    if "Region" not in spec.dimensions:
        yield "with dimension Region", spec.model_copy(update={"dimensions": (*spec.dimensions, "Region")})
    elif len(spec.dimensions) > 1:
        fewer = tuple(one for one in spec.dimensions if one != "Region")
        yield "without dimension Region", spec.model_copy(update={"dimensions": fewer})
    if isinstance(spec, MetricsSpec) and spec.flush_interval < SLOW_FLUSH_S:
        yield "flush_interval: 1m", spec.model_copy(update={"flush_interval": SLOW_FLUSH_S})
    common = {name: getattr(spec, name) for name in ("namespace", "dimensions", "metrics")}
    if isinstance(spec, MetricsSpec):
        yield "kind: emf instead", EmfSpec(kind="emf", **common)
    else:
        yield "kind: cloudwatch instead", MetricsSpec(kind="cloudwatch", aws_region="us-east-1", **common)


def _price(option: str, spec: Metrics, loads: Sequence[Load]) -> Price:
    metrics = len({series for load in loads for series in _series(load, spec)})
    if isinstance(spec, MetricsSpec):
        return Price(option, metrics, requests=_requests(spec, loads))
    lines = sum(one.runs * len(one.regions) * _lines(one, spec) for one in loads)
    return Price(option, metrics, ingested_bytes=lines * LINE_BYTES)


def _series(load: Load, spec: Metrics) -> Iterator[tuple[str, ...]]:
    """Every metric of ``load``: its dimensions' values, then what is its own."""
    for region in load.regions:
        told = {
            "Check": load.check.id,
            "Region": region,
            "Kind": load.check.kind,
            "Severity": load.check.severity.value,
        }
        own = tuple(told[name] for name in spec.dimensions)
        for group in spec.metrics:
            for more in _names(group, load):
                yield (*own, *more)


def _names(group: Group, load: Load) -> Iterator[tuple[str, ...]]:
    steps = range(load.steps)
    match group:
        case "phases":
            plain = load.check.target.startswith("http:") or getattr(load.check, "tls", True) is False
            known = PHASES.get(load.check.kind, ())
            yield from (("PhaseDuration", phase) for phase in known if phase != "tls" or not plain)
        case "steps":
            yield from (("StepDuration", f"{step}") for step in steps)
        case "vitals":
            named = steps if load.check.kind == "browser" else ()
            yield from ((vital, f"{step}") for step in named for vital in VITALS)
        case "measures":
            yield from (("Measure", f"{number}") for number in range(load.measures))
        case _:
            yield (group,)


def _requests(spec: MetricsSpec, loads: Sequence[Load]) -> float:
    """Of each region's prober: one an interval at most, and no more than there are results."""
    runs: dict[str, float] = {}
    for load in loads:
        for region in load.regions:
            runs[region] = runs.get(region, 0.0) + load.runs
    return sum(min(count, MONTH_S / spec.flush_interval) for count in runs.values())


def _lines(load: Load, spec: Metrics) -> int:
    """One for every set of dimensions that a result has."""
    return len({more[1:] for group in spec.metrics for more in _names(group, load)})
