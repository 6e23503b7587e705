"""``prometheus.yml``, the rules it evaluates and their unit tests.

``rules/prober.yml`` is made of the checks: what is one value to many of them is one rule; ``rules/prober-slo.yml`` of
their objectives. The groups of ``rules:`` get a file each. ``tests/`` is for ``promtool test rules``.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from prober.config import Loaded
from prober.config.stack import OWN_GROUP, SLO_GROUP
from prober.render.prometheus import policy, scrape, slo, votes, written
from prober.render.prometheus.parts import Alert, Group, Record
from prober.render.prometheus.unit import unit_test
from prober.render.yamls import dump

TARGET = "prometheus"


def render(loaded: Loaded) -> dict[str, str]:
    """The files of a Prometheus: relative path to text."""
    documents: dict[str, Any] = {"prometheus.yml": scrape.document(loaded.config)}
    for name, group in groups(loaded).items():
        if group.rules:
            alerts = [rule for rule in group.rules if isinstance(rule, Alert)]
            documents[f"rules/{name}.yml"] = {"groups": [group.document()]}
            documents[f"tests/{name}.yml"] = unit_test(f"../rules/{name}.yml", alerts)
    source = PurePath(loaded.source).name
    return {path: dump(document, TARGET, source) for path, document in documents.items()}


def groups(loaded: Loaded) -> dict[str, Group]:
    """The groups of rules by the name of their file; what is recorded stands before what reads it."""
    config = loaded.config
    checks = [check for check in config.checks if check.enabled]
    found: list[Record | Alert] = [
        *votes.records(config, checks),
        *votes.alerts(config, checks),
        *policy.alerts(checks),
        *policy.own(),
    ]
    slow_s = max(60.0, config.prometheus.evaluation_interval)
    return {
        OWN_GROUP: Group("prober.checks", found),
        SLO_GROUP: Group("prober.slo", slo.rules(checks), slow_s),
        **{name: written.group(name, rules) for name, rules in config.rules.items()},
    }
