"""``prometheus.yml`` and its rules: who scrapes the probers, and what is an alert there."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from prober.config import Config, Loaded
from prober.render.yamls import dump

TARGET = "prometheus"


def render(loaded: Loaded) -> dict[str, str]:
    """The files of a Prometheus: relative path to text."""
    config = loaded.config
    document = {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "scrape_configs": [_own_job(config)],
    }
    return {"prometheus.yml": dump(document, TARGET, PurePath(loaded.source).name)}


def _own_job(config: Config) -> dict[str, Any]:
    """The probers, one target a region; what they say of ``job`` and ``instance`` is about the checks and is kept."""
    names = [f"prober-{region}" for region in config.regions] or ["prober"]
    targets = [{"targets": [f"{name}:{config.web.port}"]} for name in names]
    return {"job_name": config.job, "honor_labels": True, "static_configs": targets}
