"""``monitoring-maintenance.sh``: logs, the store's size, dashboards, rule tests; and how logrotate turns logs over."""

from __future__ import annotations

from pathlib import PurePath

from prober.config import Loaded
from prober.render.scripts import filled


def render(loaded: Loaded) -> dict[str, str]:
    """The script, and ``logrotate.conf`` for the logs it removes in the end."""
    words = {"STORE_BYTES": str(loaded.config.store.max_bytes)}
    name = PurePath(loaded.source).name
    return {
        script: filled(script, "maintenance", name, words) for script in ("monitoring-maintenance.sh", "logrotate.conf")
    }
