"""What a check's expectations are to Prometheus: certificates that expire, slowness, budgets; and the prober itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prober.judge import BrowserExpect, Expect, TlsExpect
from prober.judge.budgets import read_budget
from prober.model import Check, Condition, Severity
from prober.notify._alerts import NAMES
from prober.render.prometheus.parts import (
    Alert,
    Part,
    Scenario,
    at_most_warning,
    check_alert,
    course,
    grouped,
    of,
    steps,
    these,
)

PHASE_FAMILY = {"http": "probe_http_duration_seconds", "tcp": "probe_tcp_duration_seconds"}
SOMEWHERE = "somewhere"
LONG_S = 400 * 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure that should stay below something."""

    family: str
    limit: float
    matcher: str = ""
    """What selects it beside the check."""
    by: str = "check, region"
    labels: tuple[str, str] = ("", "")
    """A label that names it, where the series has none."""

    def expr(self, checks: Sequence[Check]) -> str:
        matcher = ", ".join(filter(None, (these(checks), self.matcher)))
        over = f"max by ({self.by}) ({self.family}{{{matcher}}}) > {self.limit:.15g}"
        name, value = self.labels
        return f'label_replace({over}, "{name}", "{value}", "", "")' if name else over

    def scenario(self, check: Check, for_s: float) -> Scenario:
        during = steps(for_s) + 5
        labels = of(check, SOMEWHERE)[:-1] + (f",{self.matcher}}}" if self.matcher else "}")
        labels = labels.replace("{", '{step="one",', 1) if "step" in self.by and not self.matcher else labels
        values = course((self.limit, 5), (self.limit * 2 + 1, during), (self.limit, 10))
        seen = {"check": check.id, **({self.labels[0]: self.labels[1]} if self.labels[0] else {})}
        return Scenario({f"{self.family}{labels}": values}, (during + 4) * 60.0, (during + 7) * 60.0, seen)


def alerts(checks: Sequence[Check]) -> list[Alert]:
    """Certificates, slowness, broken budgets and settled degradation, by what the checks expect."""
    return [*_certificates(checks), *_limits(checks), *_degraded(checks)]


def own() -> list[Alert]:
    """What holds without a check: that Prometheus alerts at all, and that the prober runs what its file says."""
    refused = course((1, 5), (0, 10), (1, 10))
    seen = Scenario({'prober_config_last_reload_successful{instance="prober:9115"}': refused}, 840.0, 960.0)
    told = "A changed configuration has mistakes; the one before it goes on. Its log names each of them."
    return [
        Alert(
            "ProberConfigRefused",
            Severity.WARNING,
            [Part("prober_config_last_reload_successful == 0", seen)],
            "{{ $labels.instance }} refuses its configuration",
            told,
            60.0,
        ),
        Alert("Watchdog", Severity.INFO, [Part("vector(1)", None)], "Alerts work", "Always firing: miss it elsewhere."),
    ]


def _expect(check: Check) -> Expect | None:
    expect = getattr(check, "expect", None) if "expect" in type(check).model_fields else None
    return expect if isinstance(expect, Expect) else None


def _certificates(checks: Sequence[Check]) -> Iterator[Alert]:
    limits = [
        (severity, limit_s, check)
        for check in checks
        if isinstance(expect := _expect(check), TlsExpect)
        for severity, limit_s in (
            (at_most_warning(check), expect.certificate.degraded_under),
            (check.severity, expect.certificate.down_under),
        )
        if limit_s > 0
    ]
    for severity in dict.fromkeys(severity for severity, _, _ in limits):
        of_it: dict[float, list[Check]] = {}
        for _, limit_s, check in (one for one in limits if one[0] is severity):
            of_it.setdefault(limit_s, []).append(check)
        parts = [_certificate(limit_s, group) for limit_s, group in of_it.items()]
        text = "It ends in {{ $value | humanizeDuration }}."
        yield check_alert("ProberCertificateExpiring", severity, parts, "has a certificate that ends soon", text)


def _certificate(limit_s: float, checks: Sequence[Check]) -> Part:
    expr = f"min by (check) (probe_ssl_earliest_cert_expiry{{{these(checks)}}}) - time() < {limit_s:.15g}"
    ends = course((LONG_S, 5), (int(limit_s), 10), (LONG_S, 10))
    series = {f"probe_ssl_earliest_cert_expiry{of(checks[0], SOMEWHERE)}": ends}
    return Part(expr, Scenario(series, 600.0, 1_200.0, {"check": checks[0].id}))


def _limits(checks: Sequence[Check]) -> Iterator[Alert]:
    for name, find, summary, text in KINDS_OF_LIMITS:
        found: dict[tuple[Severity, float], dict[Limit, list[Check]]] = {}
        for check in checks:
            for limit in find(check):
                # As many runs as make an outage: one slow answer is no news.
                key = (at_most_warning(check), check.alert.down_after * check.interval)
                found.setdefault(key, {}).setdefault(limit, []).append(check)
        for (severity, for_s), by_limit in found.items():
            parts = [Part(limit.expr(group), limit.scenario(group[0], for_s)) for limit, group in by_limit.items()]
            yield check_alert(name, severity, parts, summary, text, for_s)


def _slow(check: Check) -> Iterator[Limit]:
    expect = _expect(check)
    if expect is None:
        return
    if expect.degraded_over is not None:
        yield Limit("probe_duration_seconds", expect.degraded_over, labels=("phase", "total"))
    for phase, bound in expect.phases.items():
        if bound.degraded_over is not None and check.kind in PHASE_FAMILY:
            yield Limit(PHASE_FAMILY[check.kind], bound.degraded_over, f'phase="{phase}"', "check, region, phase")


def _budgets(check: Check) -> Iterator[Limit]:
    expect = _expect(check)
    if not isinstance(expect, BrowserExpect) or expect.enforce:  # a broken one is down then
        return
    for name, budget in expect.budgets.items():
        limit = read_budget(name, budget)
        if name.startswith("step:"):
            step = name[5:].replace("\\", "\\\\").replace('"', '\\"')
            family, matcher = "probe_browser_step_duration_seconds", f'step="{step}"'
            yield Limit(family, limit, matcher, "check, region, step", ("budget", "time"))
        else:
            family = "probe_browser_web_vital_" + (name if name == "cls" else f"{name}_seconds")
            yield Limit(family, limit, "", "check, region, step", ("budget", name))


def _degraded(checks: Sequence[Check]) -> Iterator[Alert]:
    for severity, group in grouped((c for c in checks if c.alert.degraded), at_most_warning).items():
        expr = f"max by (check, region) (prober_check_state{{{these(group)}}}) == 1"
        series = {f"prober_check_state{of(group[0], SOMEWHERE)}": course((0, 5), (1, 10), (0, 10))}
        part = Part(expr, Scenario(series, 600.0, 1_200.0, {"check": group[0].id}))
        text = "It is up, but not as it should be, in {{ $labels.region }}."
        yield check_alert(NAMES[Condition.DEGRADED], severity, [part], "is degraded", text)


KINDS_OF_LIMITS: tuple[tuple[str, Callable[[Check], Iterator[Limit]], str, str], ...] = (
    (
        "ProberCheckSlow",
        _slow,
        "is slow",
        "{{ $labels.phase }}: {{ $value | humanizeDuration }} in {{ $labels.region }}.",
    ),
    (
        "ProberBudgetBroken",
        _budgets,
        "breaks its budget of {{ $labels.budget }}",
        "{{ $value }} in step {{ $labels.step }}, {{ $labels.region }}.",
    ),
)
