"""What rules are made of, and the words that many of them share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, TypeVar

from prober.model import Check, Severity, format_duration

Key = TypeVar("Key", bound=Hashable)
STEP_S = 60.0
"""The time between two values of a scenario, where it does not say otherwise."""
_INFO = '{{ with printf "prober:check_info{check=\'%s\'}" $labels.check | query }}{{ . | first | label "WHAT" }}'
TITLE = _INFO.replace("WHAT", "title") + "{{ else }}{{ $labels.check }}{{ end }}"
RUNBOOK = _INFO.replace("WHAT", "runbook_url") + "{{ end }}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Series in which an alert fires and resolves, in promtool's notation with a value every ``step_s``."""

    series: Mapping[str, str]
    fires_s: float
    resolved_s: float
    labels: Mapping[str, str] = field(default_factory=dict)
    """What tells the alert from others of its name."""
    step_s: float = STEP_S


@dataclass(frozen=True, slots=True)
class Part:
    """One expression of an alert, and how it is seen."""

    expr: str
    scenario: Scenario | None


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert rule: any of its parts is one."""

    name: str
    severity: Severity
    parts: Sequence[Part]
    summary: str
    description: str
    for_s: float = 0.0
    runbook: str = ""

    def document(self) -> dict[str, Any]:
        told = {"summary": self.summary, "description": self.description, "runbook_url": self.runbook}
        return {
            "alert": self.name,
            "expr": "\nor\n".join(part.expr for part in self.parts),
            **({"for": duration(self.for_s)} if self.for_s else {}),
            # Rules that differ in nothing else would be one alert to Prometheus' lint.
            "labels": {"severity": self.severity.value, **({"for": duration(self.for_s)} if self.for_s else {})},
            "annotations": {name: text for name, text in told.items() if text},
        }


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"record": self.name, "expr": self.expr, **labels}


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after another."""

    name: str
    rules: Sequence[Record | Alert]
    interval_s: float | None = None

    def document(self) -> dict[str, Any]:
        interval = {"interval": duration(self.interval_s)} if self.interval_s else {}
        return {"name": self.name, **interval, "rules": [rule.document() for rule in self.rules]}


def check_alert(
    name: str, severity: Severity, parts: Sequence[Part], summary: str, description: str, for_s: float = 0.0
) -> Alert:
    """An alert on a check, by its title and with its runbook."""
    return Alert(name, severity, parts, f"{TITLE} {summary}", description, for_s, RUNBOOK)


def grouped(checks: Iterable[Check], key: Callable[[Check], Key]) -> dict[Key, list[Check]]:
    """``checks`` by ``key``, in the order in which they come."""
    found: dict[Key, list[Check]] = {}
    for check in checks:
        found.setdefault(key(check), []).append(check)
    return found


def at_most_warning(check: Check) -> Severity:
    """The check's severity, where it is nothing to wake anybody for."""
    return Severity.WARNING if check.severity is Severity.CRITICAL else check.severity


def these(checks: Iterable[Check]) -> str:
    """A matcher of ``checks``."""
    ids = [check.id for check in checks]
    if len(ids) == 1:
        return f'check="{ids[0]}"'
    escaped = "|".join(name.replace(".", r"\\.") for name in ids)
    return f'check=~"{escaped}"'


def duration(seconds: float) -> str:
    """``seconds`` as Prometheus writes them: whole ones."""
    return format_duration(float(ceil(seconds)))


def steps(seconds: float) -> int:
    """How many values of a scenario cover ``seconds``."""
    return ceil(seconds / STEP_S)


def course(*stretches: tuple[object, int]) -> str:
    """Values, each for so many steps: ``course((0, 5), (3, 10))`` is ``0x4 3x9`` in promtool's notation."""
    return " ".join(f"{value}x{count - 1}" for value, count in stretches if count > 0)


def of(check: Check, region: str) -> str:
    """The labels of a check's series in a scenario."""
    return f'{{check="{check.id}",region="{region}",job="prober",instance="prober:9115"}}'
