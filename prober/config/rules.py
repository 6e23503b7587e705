"""What sections say of each other: names that must be there, and must be there once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from prober.config.calendar import zone_error
from prober.config.report import Report
from prober.config.tree import Path
from prober.config.wording import suggest

RESERVED = ("prober", "unmonitored")


def check_rules(report: Report, raw: Mapping[str, Any]) -> None:
    """Hold the sections of the raw document against each other. Values of a wrong type are passed over: their own
    section has told of them.
    """
    _check_unique(report, ("regions",), [(("regions", i), name) for i, name in _texts(raw.get("regions"))])
    checks = [(index, one) for index, one in enumerate(_list(raw.get("checks"))) if isinstance(one, dict)]
    _check_unique(report, ("checks",), [(("checks", i, "id"), one.get("id")) for i, one in checks])
    _check_tokens(report, checks)
    _check_regions(report, raw, checks)
    _check_routes(report, raw, [one for _, one in checks])
    _check_status_pages(report, raw, [one for _, one in checks])
    _check_dependencies(report, checks)
    _check_reserved(report, checks)
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


def _check_tokens(report: Report, checks: list[tuple[int, dict[str, Any]]]) -> None:
    """What is told by one token must be about one check."""
    first: dict[str, Path] = {}
    for index, one in checks:
        token, path = one.get("token"), ("checks", index, "token")
        if one.get("kind") == "heartbeat" and isinstance(token, str) and not report.is_open(path):
            known = first.setdefault(token, path)
            if known is not path:
                report.add(path, f"the token of line {report.line(known)} again", "each check has its own")


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
    channels = _dict(raw.get("channels"))
    ids = dict.fromkeys(one["id"] for one in checks if isinstance(one.get("id"), str))
    regions = dict.fromkeys(name for _, name in _texts(raw.get("regions")))
    for number, route in enumerate(_list(raw.get("routes"))):
        at: Path = ("routes", number)
        _check_names(report, at, _dict(route), "channels", "channel", channels)
        _check_names(report, at, _dict(route), "fallback", "channel", channels)
        _check_names(report, at, _dict(route), "checks", "check", ids)
        if regions:
            _check_names(report, at, _dict(route), "regions", "region", regions)
        for step, escalation in enumerate(_list(_dict(route).get("escalate"))):
            _check_names(report, (*at, "escalate", step), _dict(escalation), "channels", "channel", channels)
    _check_names(report, ("selfwatch",), _dict(raw.get("selfwatch")), "channels", "channel", channels)
    for number, window in enumerate(_list(raw.get("maintenance"))):
        _check_names(report, ("maintenance", number), _dict(window), "checks", "check", ids)
    for number, objective in enumerate(_list(raw.get("slos"))):
        _check_names(report, ("slos", number), _dict(objective), "checks", "check", ids)


def _check_status_pages(report: Report, raw: Mapping[str, Any], checks: list[dict[str, Any]]) -> None:
    ids = dict.fromkeys(one["id"] for one in checks if isinstance(one.get("id"), str))
    regions = dict.fromkeys(name for _, name in _texts(raw.get("regions")))
    channels, web = _dict(raw.get("channels")), _dict(raw.get("web"))
    emails = {name: one for name, one in channels.items() if _dict(one).get("kind") == "email"}
    for name, page in _dict(web.get("status_pages")).items():
        at: Path = ("web", "status_pages", name)
        places: list[tuple[Path, Any]] = [(at, page)]
        places += [((*at, "groups", i), group) for i, group in enumerate(_list(_dict(page).get("groups")))]
        for place, owner in places:
            for number, component in enumerate(_list(_dict(owner).get("components"))):
                _check_names(report, (*place, "components", number), _dict(component), "checks", "check", ids)
        for region in _dict(_dict(page).get("regions")) if regions else ():
            if region not in regions:
                report.add(
                    (*at, "regions", region), f"no region {region!r}", suggest(region, regions, "the regions are")
                )
        subscribe = _dict(_dict(page).get("subscribe"))
        _check_names(report, (*at, "subscribe"), subscribe, "email", "channel of kind email", emails)
        if subscribe and not web.get("public_url"):
            hint = "set web.public_url: what subscribers are sent links there"
            report.add((*at, "subscribe"), "nobody can subscribe without an address that links lead to", hint)


def _check_names(
    report: Report, at: Path, section: Mapping[str, Any], key: str, noun: str, names: Mapping[str, Any]
) -> None:
    """Every name under ``key`` is one of ``names``; a pattern fits one at least."""
    asked = section.get(key)
    texts = [((*at, key), asked)] if isinstance(asked, str) else [((*at, key, i), name) for i, name in _texts(asked)]
    for path, name in texts:
        if name not in names and not any(fnmatchcase(known, name) for known in names if isinstance(known, str)):
            hint = suggest(name, names, f"the {noun}s are")
            _add_unless_open(report, path, f"no {noun} {name!r}", hint)


def _check_dependencies(report: Report, checks: list[tuple[int, dict[str, Any]]]) -> None:
    """``depends_on`` names checks, and leads nowhere back to where it began."""
    above = {str(one.get("id")): [name for _, name in _texts(one.get("depends_on"))] for _, one in checks}
    for index, one in checks:
        _check_names(report, ("checks", index), one, "depends_on", "check", above)
        circle = _circle(str(one.get("id")), above)
        if circle:
            path: Path = ("checks", index, "depends_on")
            _add_unless_open(report, path, f"a circle: {' -> '.join(circle)}", "a check cannot wait for itself")


def _circle(start: str, above: Mapping[str, list[str]]) -> list[str]:
    """The way from ``start`` back to it, if there is one."""
    ways, seen = [[start, name] for name in above[start]], set[str]()
    while ways:
        way = ways.pop()
        if way[-1] == start:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [[*way, name] for name in above.get(way[-1], ())]
    return []


def _check_reserved(report: Report, checks: list[tuple[int, dict[str, Any]]]) -> None:
    for index, one in checks:
        name = one.get("id")
        if isinstance(name, str) and (name in RESERVED or name.startswith("region.")):
            hint = "alerts about the prober itself go by this name"
            _add_unless_open(report, ("checks", index, "id"), f"{name!r} is taken", hint)


def _add_unless_open(report: Report, path: Path, message: str, hint: str | None = None) -> None:
    if not report.is_open(path):
        report.add(path, message, hint)


def _warn(report: Report, raw: Mapping[str, Any]) -> None:
    if not raw.get("checks"):
        report.warn(("checks",), "there are no checks")
    routed: set[str] = set()
    for route in _list(raw.get("routes")):
        steps = [_dict(route), *map(_dict, _list(_dict(route).get("escalate")))]
        for asked in (step.get(key) for step in steps for key in ("channels", "fallback")):
            routed |= {asked} if isinstance(asked, str) else {name for _, name in _texts(asked)}
    routed |= {name for _, name in _texts(_dict(raw.get("selfwatch")).get("channels"))}
    for page in _dict(_dict(raw.get("web")).get("status_pages")).values():
        routed.add(str(_dict(_dict(page).get("subscribe")).get("email")))
    for name in _dict(raw.get("channels")):
        if name not in routed:
            report.warn(("channels", name), "no route leads here, so nothing is sent", "add it to a route")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[tuple[int, str]]:
    return [(index, item) for index, item in enumerate(_list(value)) if isinstance(item, str)]
