"""What CloudWatch is to watch, as values that CloudFormation and Terraform are written from.

Alarms rest on what the sink ``cloudwatch`` sends. That a request may count twice after a timeout changes no maximum,
which is why they ask for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations
from math import ceil, comb
from typing import Literal

from prober.config import Config
from prober.faults import UserFault
from prober.model import Check
from prober.render.source import regions
from prober.sinks.cloudwatch.spec import Spec
from prober.state.quorum import needed

LOG_GROUPS = ("backend", "frontend", "prober")
DAY_S = 86_400
WEEK_S = 7 * DAY_S
MOST_ELEMENTS = 400
"""CloudWatch takes 500 in one rule."""
NO_METRICS = "alarms need the sink cloudwatch with the metric success and the dimension Check"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One metric alarm: it fires where ``statistic`` of Success is under 1 in ``datapoints`` of ``periods`` periods."""

    name: str
    description: str
    namespace: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: Literal["Maximum", "SampleCount"]
    period_s: int
    datapoints: int
    periods: int
    missing: Literal["missing", "ignore", "breaching"]
    notifies: bool

    @property
    def identity(self) -> str:
        """Letters and digits that stay while the name does: resources hang on it."""
        return identity(self.name)


@dataclass(frozen=True, slots=True)
class Watched:
    """The alarms of one check: one a region, and of several regions the one that counts them."""

    check: Check
    alarms: tuple[Alarm, ...]
    needed: int

    @property
    def name(self) -> str:
        return f"prober-{self.check.id}"


def identity(name: str) -> str:
    """``name`` as the end of a logical id."""
    return blake2b(name.encode(), digest_size=6).hexdigest()


def watched(config: Config) -> tuple[Watched, ...]:
    """Every enabled check with its alarms. Raises UserFault where the sink sends nothing to alarm on."""
    spec = _sink(config)
    return tuple(_watched(check, config, spec) for check in config.checks if check.enabled)


def heartbeats(config: Config) -> tuple[Alarm, ...]:
    """One a region, on its most frequent check: where nothing comes any more, it is the prober that is silent."""
    spec = _sink(config)
    if "Region" not in spec.dimensions:
        return ()
    found = []
    for region in regions(config):
        timed = [one for one in config.checks if one.enabled and one.steady and _runs_in(one, region)]
        if timed:
            found.append(_heartbeat(min(timed, key=lambda one: (one.interval, one.id)), region, spec))
    return tuple(found)


def rule(names: tuple[str, ...], arns: tuple[str, ...], wanted: int) -> str:
    """The rule of a composite alarm that fires where ``wanted`` of its children do."""
    if wanted == 1:
        return " OR ".join(f'ALARM("{name}")' for name in names)
    if wanted * comb(len(names), wanted) > MOST_ELEMENTS:
        return f"AT_LEAST({wanted}, ALARM, ({', '.join(arns)}))"
    chosen = (" AND ".join(f'ALARM("{name}")' for name in some) for some in combinations(names, wanted))
    return " OR ".join(f"({some})" for some in chosen)


def _watched(check: Check, config: Config, spec: Spec) -> Watched:
    here = [region for region in regions(config) if _runs_in(check, region)]
    places = here if "Region" in spec.dimensions else [""]
    alarms = tuple(_availability(check, region, spec, alone=len(places) == 1) for region in places)
    return Watched(check, alarms, needed(check.quorum, len(places)))


def _runs_in(check: Check, region: str) -> bool:
    return check.regions is None or region in check.regions


def _sink(config: Config) -> Spec:
    spec = next((sink for sink in config.sinks if isinstance(sink, Spec)), None)
    # A file without the sink gets the alarms of the sink's defaults; the docs say to add it.
    spec = spec or Spec(kind="cloudwatch", aws_region="us-east-1")
    if "success" not in spec.metrics or "Check" not in spec.dimensions:
        raise UserFault(NO_METRICS)
    return spec


def _dimensions(check: Check, region: str, spec: Spec) -> tuple[tuple[str, str], ...]:
    every = {"Check": check.id, "Region": region, "Kind": check.kind, "Severity": check.severity.value}
    return tuple((name, every[name]) for name in spec.dimensions)


def _availability(check: Check, region: str, spec: Spec, *, alone: bool) -> Alarm:
    period_s, datapoints, periods, missing = _cadence(check)
    where = f" in {region}" if region else ""
    return Alarm(
        name="-".join(filter(None, ("prober", check.id, region))),
        description=f"{check.title or check.id} ({check.severity.value}): every run{where} failed, "
        f"in {datapoints} of {periods} periods of {period_s} s.",
        namespace=spec.namespace,
        dimensions=_dimensions(check, region, spec),
        statistic="Maximum",
        period_s=period_s,
        datapoints=datapoints,
        periods=periods,
        missing=missing,
        notifies=alone,
    )


def _cadence(check: Check) -> tuple[int, int, int, Literal["missing", "ignore"]]:
    """Period, M and N: as many whole periods as ``down_after`` runs take, of one more so that one may be late."""
    if not check.steady or check.interval > DAY_S:
        return 3600, 1, 1, "ignore"  # most hours hold no run, and say nothing
    period_s = max(60, ceil(check.interval / 60) * 60)
    datapoints = max(1, ceil(check.alert.down_after * check.interval / period_s))
    most = (DAY_S if period_s < 3600 else WEEK_S) // period_s
    periods = min(datapoints + 1 if datapoints > 1 else 1, most)
    return period_s, min(datapoints, periods), periods, "missing"


def _heartbeat(check: Check, region: str, spec: Spec) -> Alarm:
    period_s = min(max(300, ceil(2 * check.interval / 60) * 60), DAY_S)
    return Alarm(
        name=f"prober-silent-{region}",
        description=f"Nothing came from the prober in {region}: {check.id} was due every {check.interval:g} s.",
        namespace=spec.namespace,
        dimensions=_dimensions(check, region, spec),
        statistic="SampleCount",
        period_s=period_s,
        datapoints=1,
        periods=1,
        missing="breaching",
        notifies=True,
    )
