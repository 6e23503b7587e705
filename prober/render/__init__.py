"""What the prober writes for others: reports of runs, and the configuration of the systems it lives among.

A module named in ``TARGETS`` holds ``render(loaded: Loaded) -> dict[str, str]``: relative path to text, the same
for the same configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prober.config import Loaded

TARGETS: Mapping[str, str] = {
    "alertmanager": "prober.render.alertmanager",
    "prometheus": "prober.render.prometheus",
    "grafana": "prober.render.grafana",
    "cloudformation": "prober.render.cloudformation",
    "terraform": "prober.render.terraform",
    "kubernetes": "prober.render.kubernetes",
    "ecs": "prober.render.ecs",
    "compose": "prober.render.compose",
    "elasticsearch": "prober.render.elasticsearch",
    "setup": "prober.render.scripts.setup",
    "maintenance": "prober.render.scripts.maintenance",
}


def rendered(target: str, loaded: Loaded) -> dict[str, str]:
    """The files of ``target``, one of ``TARGETS``: relative path to text."""
    files: dict[str, str] = import_module(TARGETS[target]).render(loaded)
    return dict(sorted(files.items()))
