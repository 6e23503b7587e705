"""``probes.yaml``: read within bounds, its references resolved, every error told at once with its path and line."""

from __future__ import annotations

from prober.config.load import Loaded, load, make_check
from prober.config.schema import json_schema
from prober.config.sections import (
    Artifacts,
    Config,
    Defaults,
    Heartbeat,
    Logs,
    Route,
    Store,
    Web,
    parse_listen,
)

__all__ = [
    "Artifacts",
    "Config",
    "Defaults",
    "Heartbeat",
    "Loaded",
    "Logs",
    "Route",
    "Store",
    "Web",
    "json_schema",
    "load",
    "make_check",
    "parse_listen",
]
