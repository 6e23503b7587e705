"""The checks of a document: what a check says itself, over what its journey declares, over the section ``defaults``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from prober.config.alerts import Objective
from prober.config.building import find_spec, validate
from prober.config.calendar import cron_error, zone_error
from prober.config.references import cause
from prober.config.report import Report
from prober.config.shapes import keys_at
from prober.config.tree import Path, show_path
from prober.config.wording import Finding
from prober.faults import ConfigFault
from prober.journey import Declaration, find_journey
from prober.model import Check
from prober.net import TlsOptions

TLS_FILES = ("ca_file", "cert_file", "key_file")

_BUILT_IN = "the built-in default"


@dataclass(slots=True)
class Checks:
    """Reads checks one by one, each journey file once."""

    report: Report
    base: File
    kinds: Mapping[str, str]
    defaults: Mapping[str, Any]
    """Raw values that hold where a check says nothing."""
    objectives: Sequence[Objective] = ()
    """Those of ``slos``, as far as they are right."""
    journeys: dict[str, Declaration | ConfigFault] = field(default_factory=dict)
    """What was found, by what the checks call it."""

    def read(self, raw: object, at: Path) -> Check | None:
        """The check that ``raw``, found at ``at``, describes; None when it has errors, which the report takes."""
        spec = find_spec(self.report, self.kinds, raw, at, "check")
        if spec is None or not isinstance(raw, dict):
            return None
        declared, journey_holds = self._declared(spec, raw, at)
        defaults = pushed_defaults(self.defaults) if getattr(spec, "pushed", False) else self.defaults
        merged = merge(merge(defaults, declared), raw)
        if "slo" not in raw and merged.get("schedule") is not None:
            merged.pop("slo", None)  # an objective for all is not meant for what runs too seldom for one
        origins = dict.fromkeys(defaults.keys() - raw.keys(), "the section defaults")
        origins |= dict.fromkeys(declared.keys() - raw.keys(), f"@journey in {raw.get('journey')}")

        def tell(finding: Finding) -> None:
            if finding.path or journey_holds:  # what a whole check lacks may be what its unread journey declares
                self._tell(finding, raw, at, origins)

        check: Check | None = validate(self.report, spec, merged, at, tell)
        calendar_holds = self._check_calendar(raw, merged, at)
        if check is None or not journey_holds or not calendar_holds:
            return None
        return self._with_files(check if "slo" in raw else self._with_objective(check), at)

    def _with_objective(self, check: Check) -> Check:
        """``check`` with the first objective of ``slos`` that is meant for it, which goes before that of defaults."""
        found = next((one.slo() for one in self.objectives if one.selects(check)), None)
        return check if found is None or check.schedule is not None else check.model_copy(update={"slo": found})

    def _with_files(self, check: Check, at: Path) -> Check:
        """``check`` with its TLS files beside the config, like every other path; what cannot be read is an error."""
        tls = getattr(check, "tls", None)
        if not isinstance(tls, TlsOptions):
            return check
        places = {name: self.base / file for name in TLS_FILES if (file := getattr(tls, name))}
        for name, place in places.items():
            try:
                place.open("rb").close()
            except OSError as error:
                self.report.add((*at, "tls", name), f"the file {getattr(tls, name)} cannot be read: {cause(error)}")
        found = {name: str(place) for name, place in places.items()}
        return check.model_copy(update={"tls": tls.model_copy(update=found)}) if found else check

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
        return declared_values(found, spec), self._params_hold(found, raw.get("params"), place[:-1])

    def _params_hold(self, journey: Declaration, raw: object, at: Path) -> bool:
        """Hold the check's params against the model in the journey's file, as far as that can be read."""
        given = raw if isinstance(raw, dict) else {}
        before = len(self.report.errors)
        if given and "params" not in journey.arguments:
            self._add_unless_open((*at, "params"), f"{journey.function} takes no params")
        for name, problem, hint in journey.parameters.mistakes(given) if journey.parameters else ():
            place = (*at, "params", name) if name in given else (*at, "params") if given else at
            if not self.report.is_open(place):
                self.report.add(place, problem if name in given else f"params.{name}: {problem}", hint)
        return len(self.report.errors) == before

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
        for name in ("interval", "period"):
            if schedule is not None and name in raw:
                a = "an" if name == "interval" else "a"
                self.report.add((*at, name), f"a check has either {a} {name} or a schedule")
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


def pushed_defaults(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Of ``defaults`` what holds for a check that nobody runs: how often and for how long, and how many runs make an
    alert, is said of runs.
    """
    kept = {name: value for name, value in defaults.items() if name not in ("interval", "timeout")}
    if isinstance(alert := kept.get("alert"), dict):
        kept["alert"] = {name: value for name, value in alert.items() if name not in ("down_after", "up_after")}
    return kept


def declared_values(journey: Declaration, spec: type[Check]) -> dict[str, Any]:
    """What ``@journey`` says, as a user would write it in a check of ``spec``."""
    values: dict[str, Any] = {"title": journey.title, "tags": list(journey.tags) or None}
    for name, seconds in (("timeout", journey.timeout_s), ("interval", journey.interval_s)):
        values[name] = None if seconds is None else duration_text(seconds)
    if journey.budgets and "budgets" in keys_at(spec, ("expect",)):
        values["expect"] = {"budgets": dict(journey.budgets)}
    values |= {name: value for name, value in journey.surroundings.items() if name in spec.model_fields}
    return {name: value for name, value in values.items() if value is not None}


def duration_text(seconds: float) -> str:
    """``seconds`` as a user writes them, to the microsecond."""
    return f"{seconds:.6f}s"
