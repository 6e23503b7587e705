"""What sections say of each other: names that must be there, and must be there once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prober.config.calendar import zone_error
from prober.config.report import Report
from prober.config.tree import Path
from prober.config.wording import suggest


def check_rules(report: Report, raw: Mapping[str, Any]) -> None:
    """Hold the sections of the raw document against each other. Values of a wrong type are passed over: their own
    section has told of them.
    """
    _check_unique(report, ("regions",), [(("regions", i), name) for i, name in _texts(raw.get("regions"))])
    checks = [(index, one) for index, one in enumerate(_list(raw.get("checks"))) if isinstance(one, dict)]
    _check_unique(report, ("checks",), [(("checks", i, "id"), one.get("id")) for i, one in checks])
    _check_regions(report, raw, checks)
    _check_routes(report, raw, [one for _, one in checks])
    zone = _dict(raw.get("defaults")).get("timezone")
    if isinstance(zone, str) and (problem := zone_error(zone)):
        _add_unless_open(report, ("defaults", "timezone"), problem)
    _warn(report, raw)


def _check_unique(report: Report, section: Path, names: Iterable[tuple[Path, object]]) -> None:
    """Names that differ in case only would meet in file names and in people's heads."""
    first: dict[str, Path] = {}
    for path, name in names:
        if not isinstance(name, str):
            continue
        known = first.setdefault(name.casefold(), path)
        if known is not path:
            line = report.line(known)
            report.add(path, f"{name!r} is already used" + (f" on line {line}" if line else ""), "names are unique")


def _check_regions(report: Report, raw: Mapping[str, Any], checks: list[tuple[int, dict[str, Any]]]) -> None:
    known = dict.fromkeys(name for _, name in _texts(raw.get("regions")))
    if not known and raw.get("regions"):
        return
    users: list[tuple[Path, dict[str, Any]]] = [(("defaults",), _dict(raw.get("defaults")))]
    users += [(("checks", index), one) for index, one in checks]
    for at, user in users:
        for index, name in _texts(user.get("regions")):
            if name not in known:
                hint = suggest(name, known, "the regions are") or "list it under regions:"
                _add_unless_open(report, (*at, "regions", index), f"no region {name!r} is listed", hint)


def _check_routes(report: Report, raw: Mapping[str, Any], checks: list[dict[str, Any]]) -> None:
    known = {
        "channels": ("channel", _dict(raw.get("channels"))),
        "checks": ("check", dict.fromkeys(one["id"] for one in checks if isinstance(one.get("id"), str))),
    }
    for number, route in enumerate(_list(raw.get("routes"))):
        for key, (noun, names) in known.items():
            asked = _dict(route).get(key)
            at: Path = ("routes", number, key)
            texts = [(at, asked)] if isinstance(asked, str) else [((*at, i), name) for i, name in _texts(asked)]
            for path, name in texts:
                if name not in names:
                    hint = suggest(name, names, f"the {key} are")
                    _add_unless_open(report, path, f"no {noun} {name!r}", hint)


def _add_unless_open(report: Report, path: Path, message: str, hint: str | None = None) -> None:
    if not report.is_open(path):
        report.add(path, message, hint)


def _warn(report: Report, raw: Mapping[str, Any]) -> None:
    if not raw.get("checks"):
        report.warn(("checks",), "there are no checks")
    routed: set[str] = set()
    for route in _list(raw.get("routes")):
        asked = _dict(route).get("channels")
        routed |= {asked} if isinstance(asked, str) else {name for _, name in _texts(asked)}
    for name in _dict(raw.get("channels")):
        if name not in routed:
            report.warn(("channels", name), "no route leads here, so nothing is sent", "add it to a route")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[tuple[int, str]]:
    return [(index, item) for index, item in enumerate(_list(value)) if isinstance(item, str)]
