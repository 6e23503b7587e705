"""``setup-monitoring.sh``: everything that the other targets wrote is put in place."""

from __future__ import annotations

from pathlib import PurePath

from prober.config import Loaded
from prober.render.scripts import filled
from prober.render.source import regions


def render(loaded: Loaded) -> dict[str, str]:
    """The script."""
    words = {"REGIONS": " ".join(regions(loaded.config))}
    name = "setup-monitoring.sh"
    return {name: filled(name, "setup", PurePath(loaded.source).name, words)}
