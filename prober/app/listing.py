"""Tables about a configuration, for a terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from prober.config import Config
from prober.model import Check, format_duration
from prober.render.terminal import console


def checks_table(config: Config) -> Table:
    """Every check with its kind, rhythm, regions and target; nothing secret."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("check", "kind", "every", "timeout", "regions", "tags", "target"):
        table.add_column(heading, overflow="fold")
    everywhere = ", ".join(config.regions) or "local"
    for check in config.checks:
        regions = ", ".join(check.regions) if check.regions else everywhere
        cells = (check.id, check.kind, _rhythm(check), format_duration(check.timeout), regions, ", ".join(check.tags))
        table.add_row(*map(Text, cells), Text(check.target, style="dim"), style=None if check.enabled else "dim strike")
    return table


def _rhythm(check: Check) -> str:
    return f"{check.schedule} {check.timezone}" if check.schedule else format_duration(check.interval)


def echo(what: RenderableType) -> None:
    """Print to standard output."""
    console().print(what)
