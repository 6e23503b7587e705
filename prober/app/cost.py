"""``prober validate --cost``: what the sinks of a configuration cost a month, and what other options would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from prober.app.listing import cell, open_table
from prober.config import Loaded
from prober.model import Check
from prober.sinks.cloudwatch.cost import MONTH_S, Load, Price, prices

CRON_RUNS = 30 * 24.0  # a schedule is taken for an hourly one
STEPS_OF_UNREAD = 5

NOTE = (
    "In $ at the list price of us-east-1, without free tier, alarms and stored logs. A metric is a name with one set\n"
    "of dimensions. Steps and measures are counted in the journeys' files; changes that change nothing are left out."
)


def cost_report(loaded: Loaded) -> Group:
    """A table for every sink that AWS takes money for."""
    loads = list(loads_of(loaded))
    tables: list[Table | Text] = []
    for index, spec in enumerate(loaded.config.sinks):
        rows = list(prices(spec, loads))
        if rows:
            tables += [Text(f"sinks[{index}]: {spec.kind}", style="bold"), _table(rows), Text()]
    if not tables:
        return Group(Text("no sink that is paid for by the metric"))
    return Group(*tables, Text(NOTE, style="dim"))


def loads_of(loaded: Loaded) -> Iterator[Load]:
    """The enabled checks as they will run."""
    everywhere = tuple(loaded.config.regions) or ("local",)
    for check in loaded.config.checks:
        if check.enabled:
            steps, measures = _marks(check, loaded.base)
            runs = CRON_RUNS if check.schedule else MONTH_S / check.interval
            yield Load(check, tuple(check.regions or everywhere), runs, steps, measures)


def _marks(check: Check, base: Path) -> tuple[int, int]:
    """How many steps and measures the file of the check's journey names."""
    journey = getattr(check, "journey", None)
    if not isinstance(journey, str):
        return 0, 0
    try:
        text = (base / journey.partition("::")[0]).read_text(encoding="utf-8")
    except OSError:
        return STEPS_OF_UNREAD, 0
    return len(re.findall(r"\bstep\(", text)), len(re.findall(r"\bmeasure\(", text))


def _table(rows: list[Price]) -> Table:
    table = open_table("option", "metrics", "requests", "GB of logs", "$ metrics", "$ sending", "$ a month")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        figures = (
            f"{row.metrics:,}",
            f"{row.requests:,.0f}",
            f"{row.ingested_bytes / 1e9:,.2f}",
            f"{row.metrics_usd:,.2f}",
            f"{row.sending_usd:,.2f}",
            f"{row.usd:,.2f}",
        )
        table.add_row(*map(cell, (row.option, *figures)))
    return table
