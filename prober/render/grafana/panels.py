"""Panels of a dashboard as classic JSON (schema 39, read by Grafana 10 and later), laid out row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
Json = dict[str, Any]
Steps = Sequence[tuple[float | None, str]]
"""(from this value on, colour); the first one has no value."""

STATES: Steps = ((None, "green"), (1, "yellow"), (2, "red"), (3, "purple"))
STATE_NAMES = {"0": "up", "1": "degraded", "2": "down", "3": "unknown"}
NONE_IS_GOOD: Steps = ((None, "green"), (1, "red"))
NEUTRAL: Steps = ((None, "blue"),)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it asks, and how that is shown."""

    title: str
    kind: str
    description: str
    queries: Mapping[str, str]
    """Expression by legend."""
    unit: str = "short"
    width: int = 12
    height: int = 8
    steps: Steps = NEUTRAL
    names: Mapping[str, str] = field(default_factory=dict)
    """Texts shown for values."""
    instant: bool = False
    options: Json = field(default_factory=dict)
    custom: Json = field(default_factory=dict)
    nothing: str = "no data"
    decimals: int | None = None
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A heading over what follows."""

    title: str


def laid_out(parts: Iterable[Panel | Row]) -> list[Json]:
    """Panels with their ids and places: from left to right, a new line where the next one does not fit."""
    found: list[Json] = []
    x = y = tall = 0
    for number, part in enumerate(parts, start=1):
        width = COLUMNS if isinstance(part, Row) else part.width
        if x + width > COLUMNS:
            x, y, tall = 0, y + tall, 0
        place = {"x": x, "y": y, "w": width, "h": 1 if isinstance(part, Row) else part.height}
        found.append({"id": number, "gridPos": place} | (_row(part) if isinstance(part, Row) else _panel(part)))
        x, tall = x + width, max(tall, place["h"])
    return found


def lines(title: str, description: str, queries: Mapping[str, str], unit: str, **more: Any) -> Panel:
    """A graph over time."""
    custom = {"lineWidth": 1, "fillOpacity": 8, "showPoints": "auto", "spanNulls": False} | more.pop("custom", {})
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(title, "timeseries", description, queries, unit, options=options, custom=custom, **more)


def stacked(title: str, description: str, queries: Mapping[str, str], unit: str, **more: Any) -> Panel:
    """A graph whose lines add up."""
    custom = {"fillOpacity": 40, "stacking": {"mode": "normal", "group": "A"}}
    return lines(title, description, queries, unit, custom=custom, **more)


def figure(title: str, description: str, query: str, unit: str = "short", **more: Any) -> Panel:
    """One number, coloured by its thresholds."""
    options = {
        "colorMode": "background" if len(more.get("steps", ())) > 1 else "value",
        "graphMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
    }
    size = {"width": 4, "height": 4} | more
    return Panel(title, "stat", description, {"": query}, unit, instant=True, options=options, **size)


def bars(title: str, description: str, queries: Mapping[str, str], unit: str, **more: Any) -> Panel:
    """Horizontal bars, one per series, as of now."""
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
    }
    return Panel(title, "bargauge", description, queries, unit, instant=True, options=options, **more)


def timeline(title: str, description: str, queries: Mapping[str, str], **more: Any) -> Panel:
    """States over time, a line per series."""
    options = {
        "mergeValues": True,
        "showValue": "never",
        "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
    }
    wide = {"width": COLUMNS, "height": 10} | more
    return Panel(
        title,
        "state-timeline",
        description,
        queries,
        steps=STATES,
        names=STATE_NAMES,
        options=options,
        custom={"fillOpacity": 80, "lineWidth": 0},
        **wide,
    )


def _row(row: Row) -> Json:
    return {"type": "row", "title": row.title, "collapsed": False, "panels": []}


def _panel(panel: Panel) -> Json:
    defaults: Json = {
        "unit": panel.unit,
        "noValue": panel.nothing,
        "color": {"mode": "thresholds" if panel.steps is not NEUTRAL else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": [{"value": at, "color": colour} for at, colour in panel.steps]},
        "mappings": _mappings(panel),
        "custom": panel.custom,
    }
    spare = {"decimals": panel.decimals, "min": panel.lowest, "max": panel.highest}
    defaults |= {name: value for name, value in spare.items() if value is not None}
    if panel.kind == "timeseries" and panel.steps is not NEUTRAL:
        # Lines keep colours of their own; the thresholds are drawn as areas behind them.
        defaults["color"] = {"mode": "palette-classic"}
        defaults["custom"] = panel.custom | {"thresholdsStyle": {"mode": "dashed"}}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": panel.options,
        "targets": [
            _target(letter, legend, query, panel)
            for letter, (legend, query) in zip("ABCDEFGH", panel.queries.items(), strict=False)
        ],
    }


def _target(letter: str, legend: str, query: str, panel: Panel) -> Json:
    target: Json = {
        "refId": letter,
        "datasource": SOURCE,
        "expr": query,
        "legendFormat": legend or "__auto",
        "instant": panel.instant,
        "range": not panel.instant,
    }
    return target


def _mappings(panel: Panel) -> list[Json]:
    colours = {f"{value or 0:g}": colour for value, colour in panel.steps}
    shown = {
        value: {"text": text, "index": index, "color": colours.get(value, "text")}
        for index, (value, text) in enumerate(panel.names.items())
    }
    return [{"type": "value", "options": shown}] if shown else []
