"""Unit tests of rules: every alert is seen firing and over, by what Prometheus itself writes down of its alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prober.render.prometheus.parts import STEP_S, Alert, Scenario, duration


def unit_test(rules: str, alerts: Sequence[Alert]) -> dict[str, Any]:
    """A document for ``promtool test rules``; an alert that always fires has no scenario, and is left out."""
    tests = [
        _test(alert, part.scenario, number)
        for alert in alerts
        for number, part in enumerate(alert.parts, 1)
        if part.scenario is not None
    ]
    steps_s = [part.scenario.step_s for alert in alerts for part in alert.parts if part.scenario]
    return {"rule_files": [rules], "evaluation_interval": duration(min(steps_s, default=STEP_S)), "tests": tests}


def _test(alert: Alert, scenario: Scenario, number: int) -> dict[str, Any]:
    labels = {"alertname": alert.name, "severity": alert.severity.value, "alertstate": "firing", **scenario.labels}
    firing = f"count(ALERTS{_selector(labels)})"
    moments: tuple[tuple[float, list[dict[str, Any]]], ...] = (
        (0.0, []),
        (scenario.fires_s, [{"labels": "{}", "value": 1}]),
        (scenario.resolved_s, []),
    )
    return {
        "name": f"{alert.name} {alert.severity.value} {number}",
        "interval": duration(scenario.step_s),
        "input_series": [{"series": name, "values": values} for name, values in scenario.series.items()],
        "promql_expr_test": [
            {"expr": firing, "eval_time": duration(at_s) if at_s else "0s", "exp_samples": samples}
            for at_s, samples in moments
        ],
    }


def _selector(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
