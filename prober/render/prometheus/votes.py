"""What the regions say together: down, failing in part, not looked at, and regions that say nothing.

A region's word counts while its last run is recent, as in ``prober.state.quorum``; the alerts have the names that the
prober's own have at an Alertmanager.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from prober.config import Config
from prober.model import Check, Condition, Quorum, Severity
from prober.notify._alerts import NAMES
from prober.render.prometheus.parts import (
    STEP_S,
    Alert,
    Part,
    Record,
    Scenario,
    at_most_warning,
    check_alert,
    course,
    duration,
    grouped,
    of,
    steps,
    these,
)
from prober.schedule import freshness_s
from prober.state.quorum import enough

INFO = "prober:check_info"
REGIONS = "prober:region_info"
VOTE = "check_region:prober_down:bool"
DOWN = "check:prober_regions_down:sum"
HEARD = "check:prober_regions_heard:count"
DAY_S = 86_400.0
UNMONITORED_S = 60.0


def records(config: Config, checks: Sequence[Check]) -> list[Record]:
    """Who should be heard of, each region's word on each check, and their sums."""
    if not checks:
        return []
    by_policy = grouped(checks, lambda check: (check.alert.down_after, _fresh_s(config, check)))
    words = [_word(these(group), *key) for key, group in by_policy.items()]
    return [
        *(Record(INFO, "vector(1)", _info(check)) for check in checks),
        *(Record(REGIONS, "vector(1)", {"region": region}) for region in _regions(config, checks)),
        Record(VOTE, "\nor\n".join(words)),
        Record(DOWN, f"sum by (check) ({VOTE})"),
        Record(HEARD, f"count by (check) ({VOTE})"),
    ]


def alerts(config: Config, checks: Sequence[Check]) -> list[Alert]:
    """Down, failing in part, not monitored, region silent."""
    found = [
        _down(config, severity, group) for severity, group in grouped(checks, lambda check: check.severity).items()
    ]
    parts = grouped(
        (check for check in checks if _may_be_partial(config, check)),
        lambda check: (at_most_warning(check), check.alert.partial_after or 0.0),
    )
    found += [_partial(config, severity, after_s, group) for (severity, after_s), group in parts.items()]
    found += [_unmonitored(config, checks)] if checks else []
    return found + ([_silent(config, checks)] if _regions(config, checks) else [])


def _may_be_partial(config: Config, check: Check) -> bool:
    alone = len(_places(config, check)) == 1 or check.quorum in ("any", 1)  # one that fails is enough then
    return not alone and check.alert.partial_after is not None


def _places(config: Config, check: Check) -> tuple[str, ...]:
    return (check.regions if check.regions is not None else config.regions) or ("",)


def _regions(config: Config, checks: Sequence[Check]) -> list[str]:
    """Regions in which something runs all the time; one without a name cannot be missed by it."""
    steady = [check for check in checks if check.steady]
    return [region for region in config.regions if any(region in _places(config, check) for check in steady)]


def _info(check: Check) -> dict[str, str]:
    told = {"check": check.id, "title": check.title or check.id, "runbook_url": check.runbook}
    return {name: text for name, text in told.items() if text}


def _fresh_s(config: Config, check: Check) -> float:
    """For how long a word counts: the prober's own measure and a scrape. Of a schedule whole days, since its gaps
    change with the season, and the same file must come out all year.
    """
    own_s = freshness_s(check)
    return config.prometheus.scrape_interval + (own_s if check.schedule is None else -(-own_s // DAY_S) * DAY_S)


def _word(matcher: str, down_after: int, fresh_s: float) -> str:
    """1 where a region says down, 0 where not: after enough failures, and until alerting there says otherwise."""
    return (
        "clamp_max(\n"
        f"  (max by (check, region) (prober_check_consecutive_failures{{{matcher}}}) >= bool {down_after})\n"
        "  + max by (check, region) (prober_check_state == bool 2),\n"
        "  1\n"
        ")\n"
        f"and time() - max by (check, region) (prober_check_last_run_timestamp_seconds) <= {fresh_s:.15g}"
    )


def _need(quorum: Quorum) -> str:
    """How many of the regions heard of must say down, as ``prober.state.quorum.needed``."""
    if quorum == "majority":
        return f"floor({HEARD} / 2) + 1"
    if quorum == "any":
        return f"clamp_max({HEARD}, 1)"
    return HEARD if quorum == "all" else f"clamp_max({HEARD}, {quorum})"


def _by_quorum(config: Config, checks: Sequence[Check]) -> dict[tuple[Quorum, int], list[Check]]:
    return grouped(checks, lambda check: (check.quorum, enough(check.quorum, len(_places(config, check)))))


def _down(config: Config, severity: Severity, checks: Sequence[Check]) -> Alert:
    parts = []
    for (quorum, least), group in _by_quorum(config, checks).items():
        expr = f"{DOWN}{{{these(group)}}} >= {_need(quorum)}\nand {HEARD} >= {least}"
        one = group[0]
        parts.append(Part(expr, _outage(config, one, _places(config, one))))
    text = "{{ $value }} of the regions heard of say down."
    return check_alert(NAMES[Condition.DOWN], severity, parts, "is down", text)


def _partial(config: Config, severity: Severity, after_s: float, checks: Sequence[Check]) -> Alert:
    parts = []
    for (quorum, least), group in _by_quorum(config, checks).items():
        expr = f"{DOWN}{{{these(group)}}} > 0\nand {DOWN} < {_need(quorum)}\nand {HEARD} >= {least}"
        one, places = group[0], _places(config, group[0])
        parts.append(Part(expr, _outage(config, one, places[:1], after_s, late=True)))
    text = "{{ $value }} of the regions heard of say down, too few for it to be down."
    return check_alert(NAMES[Condition.PARTIAL], severity, parts, "fails in some regions", text, after_s)


def _outage(
    config: Config, check: Check, failing: Sequence[str], for_s: float = 0.0, *, late: bool = False
) -> Scenario:
    """``check`` fails in these regions for a while, then recovers for a while; all others are heard of and well.

    ``late`` looks when failures have stopped, but alerting there has not settled yet.
    """
    before, during, recovering, after = 5, steps(for_s) + 5, 2, 10
    ran = f"0+60x{before + during + recovering + after - 1}"
    series = {}
    for region in _places(config, check):
        labels, bad = of(check, region), region in failing
        count, state = (check.alert.down_after, 2) if bad else (0, 0)
        failures = course((0, before), (count, during), (0, recovering + after))
        series[f"prober_check_consecutive_failures{labels}"] = failures
        states = course((0, before + during), (state, recovering), (0, after))
        series[f"prober_check_state{labels}"] = states
        series[f"prober_check_last_run_timestamp_seconds{labels}"] = ran
    over = before + during + recovering
    fires = over - 1 if late else before + during - 1
    return Scenario(series, fires * STEP_S, (over + 2) * STEP_S, {"check": check.id})


def _unmonitored(config: Config, checks: Sequence[Check]) -> Alert:
    steady = [check for check in checks if check.steady]
    parts = []
    for least, group in grouped(steady, lambda check: enough(check.quorum, len(_places(config, check)))).items():
        expr = f"count by (check) ({INFO}{{{these(group)}}})\nunless {HEARD} >= {least}"
        one = min(group, key=lambda check: _fresh_s(config, check))
        parts.append(Part(expr, _absence(config, one, {"check": one.id}, UNMONITORED_S)))
    # One with a schedule, or that others report to, has not run yet for a long time after a start: only a run that is
    # overdue can be missed.
    planned = grouped((check for check in checks if not check.steady), lambda check: _fresh_s(config, check))
    for fresh_s, group in planned.items():
        expr = f"time() - max by (check) (prober_check_last_run_timestamp_seconds{{{these(group)}}}) > {fresh_s:.15g}"
        parts.append(Part(expr, _absence(config, group[0], {"check": group[0].id}, UNMONITORED_S)))
    summary, name = "is not looked at", NAMES[Condition.UNMONITORED]
    text = "Too few regions were heard of lately to say anything of it."
    return check_alert(name, Severity.CRITICAL, parts, summary, text, UNMONITORED_S)


def _silent(config: Config, checks: Sequence[Check]) -> Alert:
    expr = f"{REGIONS}\nunless on (region) count by (region) ({VOTE})"
    after_s, region = config.selfwatch.silent_after, _regions(config, checks)[0]
    here = (check for check in checks if region in _places(config, check) and check.steady)
    one = min(here, key=lambda check: _fresh_s(config, check))
    return Alert(
        NAMES[Condition.SILENT],
        Severity.WARNING,
        [Part(expr, _absence(config, one, {"region": region}, after_s))],
        "No prober of {{ $labels.region }} is heard of",
        f"None of its checks has a recent run for {duration(after_s)}: it is down, cannot be scraped, or stands still.",
        after_s,
    )


def _absence(config: Config, check: Check, labels: dict[str, str], for_s: float) -> Scenario:
    """``check`` has not been run for a while, and then is again."""
    silent, last = steps(for_s) + 3, -ceil(_fresh_s(config, check)) - 1
    series = {}
    for region in _places(config, check):
        at = of(check, region)
        for name in ("prober_check_consecutive_failures", "prober_check_state"):
            series[f"{name}{at}"] = course((0, silent + 10))
        series[f"prober_check_last_run_timestamp_seconds{at}"] = f"{last}+0x{silent - 1} {silent * 60}+60x10"
    return Scenario(series, (silent - 1) * STEP_S, (silent + 2) * STEP_S, labels)
