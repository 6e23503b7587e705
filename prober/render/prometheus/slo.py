"""Burn rates: how fast a check uses up what its objective leaves to fail (Google's SRE workbook, chapter 5).

Shares are averages of ``probe_success`` over time, since a short window may hold no run at all. Few runs make large
shares, so that a number of failures must be there too; they are counted by the prober's counters, also those that were
born at their first failure, of which ``increase`` knows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from prober.model import Check, Condition, Severity, Slo
from prober.model.slo import FAST, SLOW, WINDOWS, Pair
from prober.notify._alerts import NAMES
from prober.render.prometheus.parts import (
    Alert,
    Part,
    Record,
    Scenario,
    at_most_warning,
    check_alert,
    course,
    grouped,
    of,
    these,
)

STEP_S = 300.0


def rules(checks: Sequence[Check]) -> list[Record | Alert]:
    """The rules of those ``checks`` that have an objective."""
    aimed = [check for check in checks if check.slo is not None]
    if not aimed:
        return []
    matcher = these(aimed)
    shares = [Record(_share(window), _share_expr(matcher, window)) for window in WINDOWS]
    failures = [Record(_failures(pair.long), _failures_expr(matcher, pair.long)) for pair in (*FAST, *SLOW)]
    return [*shares, *failures, *_alerts(aimed)]


def _alerts(checks: Sequence[Check]) -> list[Alert]:
    names = NAMES[Condition.BURNS_FAST], NAMES[Condition.BURNS_SLOWLY]
    fast = [(names[0], FAST, *one) for one in grouped(checks, lambda check: check.severity).items()]
    slow = [(names[1], SLOW, *one) for one in grouped(checks, at_most_warning).items()]
    made = [(name, severity, _parts(pairs, group)) for name, pairs, severity, group in (*fast, *slow)]
    return [_alert(name, severity, parts) for name, severity, parts in made if parts]


def _alert(name: str, severity: Severity, parts: Sequence[Part]) -> Alert:
    text = "{{ $value | humanizePercentage }} of its runs failed lately."
    summary = "uses up what its objective leaves to fail"
    return check_alert(name, severity, parts, summary, text)


def _parts(pairs: Sequence[Pair], checks: Sequence[Check]) -> list[Part]:
    found = []
    for slo, group in grouped(checks, lambda check: check.slo).items():
        for pair in pairs:
            if slo is not None and pair.fits(slo):
                found.append(Part(_expr(pair, slo, these(group)), _scenario(pairs, group[0])))
    return found


def _expr(pair: Pair, slo: Slo, matcher: str) -> str:
    bound = f"{pair.bound(slo):.6g}"
    return (
        f"{_share(pair.long)}{{{matcher}}} > {bound}\n"
        f"and {_share(pair.short)} > {bound}\n"
        f"and {_failures(pair.long)} >= {slo.min_failures}"
    )


def _share(window: str) -> str:
    return f"check:probe_failures:share{window}"


def _failures(window: str) -> str:
    return f"check:prober_check_failures:increase{window}"


def _share_expr(matcher: str, window: str) -> str:
    return f"1 - avg by (check) (avg_over_time(probe_success{{{matcher}}}[{window}]))"


def _failures_expr(matcher: str, window: str) -> str:
    series = f'prober_check_runs_total{{{matcher}, verdict="down"}}'
    return (
        "sum by (check) (\n"
        f"  ({series} unless last_over_time({series}[15m] offset {window}))\n"
        f"  or increase({series}[{window}])\n"
        ")"
    )


def _scenario(pairs: Sequence[Pair], check: Check) -> Scenario:
    """Ten good minutes, two hours of outage, and good ones again until no short window has seen anything else."""
    short_s = max(pair.short_s for pair in pairs)
    before, during, after = 2, 24, int(short_s / STEP_S) + 3
    labels = of(check, "somewhere")
    failed = labels[:-1] + ',verdict="down",reason="status"}'
    series = {
        f"probe_success{labels}": course((1, before), (0, during), (1, after)),
        f"prober_check_runs_total{failed}": f"_x{before} 1+1x{during - 1} {during}+0x{after}",
    }
    fires_s = (before + during - 1) * STEP_S
    return Scenario(series, fires_s, fires_s + short_s + 2 * STEP_S, {"check": check.id}, STEP_S)
