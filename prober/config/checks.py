"""The checks of a document: what a check says itself, over what its journey declares, over the section ``defaults``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from prober.config.building import find_spec, validate
from prober.config.calendar import cron_error, zone_error
from prober.config.report import Report
from prober.config.shapes import keys_at
from prober.config.tree import Path, show_path
from prober.config.wording import Finding
from prober.faults import ConfigFault
from prober.journey import Declaration, find_journey
from prober.model import Check

_BUILT_IN = "the built-in default"


@dataclass(slots=True)
class Checks:
    """Reads checks one by one, each journey file once."""

    report: Report
    base: File
    kinds: Mapping[str, str]
    defaults: Mapping[str, Any]
    """Raw values that hold where a check says nothing."""
    journeys: dict[str, Declaration | ConfigFault] = field(default_factory=dict)
    """What was found, by what the checks call it."""

    def read(self, raw: object, at: Path) -> Check | None:
        """The check that ``raw``, found at ``at``, describes; None when it has errors, which the report takes."""
        spec = find_spec(self.report, self.kinds, raw, at, "check")
        if spec is None or not isinstance(raw, dict):
            return None
        declared, journey_holds = self._declared(spec, raw, at)
        merged = merge(merge(self.defaults, declared), raw)
        origins = dict.fromkeys(self.defaults.keys() - raw.keys(), "the section defaults")
        origins |= dict.fromkeys(declared.keys() - raw.keys(), f"@journey in {raw.get('journey')}")

        def tell(finding: Finding) -> None:
            if finding.path or journey_holds:  # what a whole check lacks may be what its unread journey declares
                self._tell(finding, raw, at, origins)

        check: Check | None = validate(self.report, spec, merged, at, tell)
        calendar_holds = self._check_calendar(raw, merged, at)
        return check if journey_holds and calendar_holds else None

    def _tell(self, finding: Finding, raw: dict[str, Any], at: Path, origins: Mapping[str, str]) -> None:
        if finding.path and finding.path[0] in origins and finding.path[0] not in raw:
            origin = origins[str(finding.path[0])]
            self.report.add(at, f"{show_path(finding.path)}: {finding.message}", f"it comes from {origin}")
            return
        hint = finding.hint
        if not finding.path and finding.message.startswith("timeout "):
            elsewhere = [name for name in ("timeout", "interval") if name not in raw]
            hint = "; ".join(f"{name} comes from {origins.get(name, _BUILT_IN)}" for name in elsewhere) or None
        self.report.add((*at, *finding.path), finding.message, hint)

    def _declared(self, spec: type[Check], raw: dict[str, Any], at: Path) -> tuple[dict[str, Any], bool]:
        """What the check's journey declares, and whether that could be read, or need not be."""
        target = raw.get("journey")
        if "journey" not in spec.model_fields or not isinstance(target, str):
            return {}, True
        place = (*at, "journey")
        if self.report.is_open(place):
            return {}, True
        found = self._find(target)
        if isinstance(found, ConfigFault):
            for error in found.errors:
                self.report.add(place, f"{target}: {error}")
            return {}, False
        if found.kind != raw["kind"]:
            takes = "takes a page" if found.kind == "browser" else "takes no page"
            self.report.add(place, f"{found.function} {takes}", f"write kind: {found.kind}")
            return {}, False
        return declared_values(found, spec), True

    def _find(self, target: str) -> Declaration | ConfigFault:
        if target not in self.journeys:
            try:
                self.journeys[target] = find_journey(target, self.base)
            except ConfigFault as fault:
                self.journeys[target] = fault
        return self.journeys[target]

    def _check_calendar(self, raw: dict[str, Any], merged: dict[str, Any], at: Path) -> bool:
        before = len(self.report.errors)
        schedule, zone = merged.get("schedule"), merged.get("timezone")
        if isinstance(schedule, str) and (problem := cron_error(schedule)):
            self._add_unless_open((*at, "schedule"), problem)
        if schedule is not None and "interval" in raw:
            self.report.add((*at, "interval"), "a check has either an interval or a schedule")
        if "timezone" in raw and isinstance(zone, str) and (problem := zone_error(zone)):
            self._add_unless_open((*at, "timezone"), problem)
        return len(self.report.errors) == before

    def _add_unless_open(self, path: Path, problem: str) -> None:
        if not self.report.is_open(path):
            self.report.add(path, problem)


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on top of ``under``; ``alert`` and ``expect`` are merged key by key, ``budgets`` inside them too."""
    merged = {**under, **over}
    for key in ("alert", "expect", "budgets"):
        if isinstance(under.get(key), dict) and isinstance(over.get(key), dict):
            merged[key] = merge(under[key], over[key])
    return merged


def declared_values(journey: Declaration, spec: type[Check]) -> dict[str, Any]:
    """What ``@journey`` says, as a user would write it in a check of ``spec``."""
    values: dict[str, Any] = {"title": journey.title, "tags": list(journey.tags) or None}
    for name, seconds in (("timeout", journey.timeout_s), ("interval", journey.interval_s)):
        values[name] = None if seconds is None else duration_text(seconds)
    if journey.budgets and "budgets" in keys_at(spec, ("expect",)):
        values["expect"] = {"budgets": dict(journey.budgets)}
    return {name: value for name, value in values.items() if value is not None}


def duration_text(seconds: float) -> str:
    """``seconds`` as a user writes them, to the microsecond."""
    return f"{seconds:.6f}s"
