"""The dashboards as Grafana would ask them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prober.config import load
from prober.render import rendered

ROOT = Path(__file__).parents[2]
VARIABLES = {"check": ".*", "region": ".*", "__rate_interval": "1m", "__range": "5m"}


def boards() -> dict[str, dict[str, Any]]:
    """Every dashboard by its uid."""
    files = rendered("grafana", load(ROOT / "probes.yaml", {}, lenient=True))
    return {name.removesuffix(".json"): json.loads(text) for name, text in files.items() if name.endswith(".json")}


def asked(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(panel, query with its variables filled) of every query of ``board``."""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], re.sub(r"\$(\w+)", lambda match: VARIABLES[match[1]], target["expr"])
