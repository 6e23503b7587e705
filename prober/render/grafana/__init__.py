"""Dashboards for Grafana, and how it finds them and their Prometheus."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

from prober.config import Loaded
from prober.render.grafana.boards import BOARDS
from prober.render.yamls import dump

TARGET = "grafana"


def render(loaded: Loaded) -> dict[str, str]:
    """The dashboards as ``*.json``, and ``provisioning/``: relative path to text."""
    name = PurePath(loaded.source).name
    boards = {f"{board.uid}.json": json.dumps(board.json(), indent=1, ensure_ascii=False) + "\n" for board in BOARDS}
    return {
        **boards,
        "provisioning/dashboards/prober.yml": dump(_providers(), TARGET, name),
        "provisioning/datasources/prometheus.yml": dump(_datasources(), TARGET, name),
    }


def _providers() -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "prober",
                "type": "file",
                "folder": "Prober",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 30,
                "options": {"path": "/var/lib/grafana/dashboards", "foldersFromFilesStructure": False},
            }
        ],
    }


def _datasources() -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": "prometheus",
                "type": "prometheus",
                "access": "proxy",
                "url": "http://prometheus:9090",
                "isDefault": True,
                "jsonData": {"timeInterval": "15s", "httpMethod": "POST"},
            }
        ],
    }
