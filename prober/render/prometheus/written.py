"""The groups of ``rules:``, as the user wrote them."""

from __future__ import annotations

from collections.abc import Sequence

from prober.config.stack import Rule
from prober.render.prometheus.parts import Alert, Group, Part, Scenario


def group(name: str, rules: Sequence[Rule]) -> Group:
    """One group of rules."""
    return Group(f"{name}.rules", [_alert(rule) for rule in rules])


def _alert(rule: Rule) -> Alert:
    told, test = (rule.summary, rule.description), rule.test
    seen = Scenario(test.series, test.fires, test.resolved) if test else None
    return Alert(rule.alert, rule.severity, [Part(rule.expr, seen)], *told, rule.for_, rule.runbook or "")
