"""How the prober itself is."""

from __future__ import annotations

from collections.abc import Mapping

from prober import __version__
from prober.web import view
from prober.web.api.models import Shown
from prober.web.api.operation import Answer, Call, Operation
from prober.web.auth import Scope


class Well(Shown):
    """Whether all is well, and one line on why not."""

    ok: bool
    line: str


class FigureShown(Shown):
    """One thing the prober says of itself."""

    name: str
    value: str
    note: str
    """What it means, where the name does not say it."""
    well: bool
    """False where somebody should look into it."""


class HealthShown(Shown):
    """How the prober itself is."""

    version: str
    region: str
    healthy: Well
    """Whether everything moves; what ``/healthz`` says."""
    ready: Well
    """Whether it measures; what ``/readyz`` says."""
    figures: Mapping[str, tuple[FigureShown, ...]]
    """By section; which there are changes with releases."""


def get_health(call: Call) -> Answer:
    """All of it."""
    seen = call.view
    return Answer(
        HealthShown(
            version=__version__,
            region=seen.region,
            healthy=_well(seen.healthy()),
            ready=_well(seen.ready()),
            figures={
                section: tuple(FigureShown(name=f.name, value=f.value, note=f.note, well=f.well) for f in figures)
                for section, figures in seen.inner().items()
            },
        )
    )


def _well(health: view.Health) -> Well:
    return Well(ok=health.ok, line=health.line)


OPERATIONS = (
    Operation(
        "GET",
        "/health",
        "getHealth",
        "How the prober itself is",
        Scope.READ,
        get_health,
        HealthShown,
        example={
            "version": __version__,
            "region": "eu-west-1",
            "healthy": {"ok": True, "line": ""},
            "ready": {"ok": True, "line": ""},
            "figures": {"runs": [{"name": "slots missed", "value": "0", "note": "", "well": True}]},
        },
    ),
)
