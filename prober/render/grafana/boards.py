"""The dashboards: which panels, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prober.render.grafana.checks import CHECK, JOURNEY, OVERVIEW
from prober.render.grafana.panels import SOURCE, Json, Panel, Row, laid_out
from prober.render.grafana.platform import HEALTH, PRODUCTION


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. Its uid is fixed: links and updates hang on it."""

    uid: str
    title: str
    description: str
    parts: tuple[Panel | Row, ...]
    variables: tuple[tuple[str, str, bool], ...] = ()
    """(label, the query of its values, whether several may be chosen)."""
    since: str = "now-6h"

    def json(self) -> Json:
        """The whole dashboard as Grafana reads it."""
        return {
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["prober"],
            "schemaVersion": 39,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": self.since, "to": "now"},
            "timezone": "browser",
            "links": [_link()],
            "annotations": {"list": []},
            "templating": {"list": [_source(), *(_variable(*one) for one in self.variables)]},
            "panels": laid_out(self.parts),
        }


_CHECK = ("check", "label_values(prober_check_state, check)", True)
_REGION = ("region", "label_values(prober_check_state, region)", True)
_JOURNEY = ("check", "label_values(probe_browser_step_duration_seconds, check)", True)

BOARDS = (
    Board(
        "prober-overview",
        "Prober: overview",
        "What is up, in which region, how fast, and which certificates end soon.",
        OVERVIEW,
        (_CHECK, _REGION),
        "now-24h",
    ),
    Board(
        "prober-check",
        "Prober: checks in detail",
        "Phases, answers and reasons of the chosen checks.",
        CHECK,
        (_CHECK, _REGION),
    ),
    Board(
        "prober-journey",
        "Prober: journeys",
        "Steps, vitals and navigations of scripted visits in a real browser.",
        JOURNEY,
        (_JOURNEY, _REGION),
        "now-24h",
    ),
    Board("prober-health", "Prober: its own health", "Whether the probers themselves keep up.", HEALTH, (_REGION,)),
    Board(
        "eventchain-production",
        "EventChain Production Dashboard",
        "What the platform says of itself: requests, response times, errors, revenue.",
        PRODUCTION,
    ),
)


def _link() -> Json:
    return {
        "type": "dashboards",
        "title": "Prober",
        "tags": ["prober"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


def _source() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
    }


def _variable(name: str, query: str, several: bool) -> Json:
    everything: dict[str, Any] = {"text": ["All"], "value": ["$__all"], "selected": True}
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "includeAll": True,
        "allValue": ".*",
        "multi": several,
        "current": everything,
        "hide": 0,
        "options": [],
        "refresh": 2,
        "sort": 1,
    }
