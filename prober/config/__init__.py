"""``probes.yaml``: read within bounds, its references resolved, every error told at once with its path and line."""

from __future__ import annotations

from prober.config.alerts import Escalation, Grouping, Hours, Maintenance, Route
from prober.config.load import Loaded, load, make_check
from prober.config.schema import json_schema
from prober.config.sections import (
    Artifacts,
    Config,
    Defaults,
    Heartbeat,
    Logs,
    Selfwatch,
    Store,
)
from prober.config.web import Web, WebAuth, WebOidc, WebTls, parse_listen

__all__ = [
    "Artifacts",
    "Config",
    "Defaults",
    "Escalation",
    "Grouping",
    "Heartbeat",
    "Hours",
    "Loaded",
    "Logs",
    "Maintenance",
    "Route",
    "Selfwatch",
    "Store",
    "Web",
    "WebAuth",
    "WebOidc",
    "WebTls",
    "json_schema",
    "load",
    "make_check",
    "parse_listen",
]
