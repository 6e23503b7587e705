"""Tables for a terminal, and what their cells are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from prober.config import Config
from prober.model import Check, format_duration
from prober.render.terminal import console, one_line


def checks_table(config: Config) -> Table:
    """Every check with its kind, rhythm, regions and target; nothing secret."""
    table = open_table("check", "kind", "every", "timeout", "regions", "tags", "target")
    everywhere = ", ".join(config.regions) or "local"
    for check in config.checks:
        regions = ", ".join(check.regions) if check.regions else everywhere
        cells = (check.id, check.kind, _rhythm(check), format_duration(check.timeout), regions, ", ".join(check.tags))
        table.add_row(*map(Text, cells), Text(check.target, style="dim"), style=None if check.enabled else "dim strike")
    return table


def _rhythm(check: Check) -> str:
    return f"{check.schedule} {check.timezone}" if check.schedule else format_duration(check.interval)


def open_table(*headings: str) -> Table:
    """An empty table in the style of all of them."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def cell(text: str, style: str = "") -> Text:
    """``text`` as it stands, be there markup or control characters in it."""
    return Text(one_line(text), style=style)


def stamp(wall: float) -> str:
    """A moment as people read it: ``2026-12-24 22:00:05Z``."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def echo(what: RenderableType) -> None:
    """Print to standard output."""
    console().print(what)


def echo_json(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print to standard output as JSON."""
    console().print(json.dumps(rows, indent=2), markup=False, soft_wrap=True)
