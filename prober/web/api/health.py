"""How the prober itself is."""

from __future__ import annotations

from prober import __version__
from prober.web import view
from prober.web.api.models import Json, Shown
from prober.web.api.operation import Answer, Call, Operation
from prober.web.auth import Scope


class Well(Shown):
    """Whether all is well, and one line on why not."""

    ok: bool
    line: str


class HealthShown(Shown):
    """How the prober itself is."""

    version: str
    region: str
    healthy: Well
    """Whether everything moves; what ``/healthz`` says."""
    ready: Well
    """Whether it measures; what ``/readyz`` says."""
    figures: Json
    """Its own figures, by name; which there are changes with releases."""


def get_health(call: Call) -> Answer:
    """All of it."""
    seen = call.view
    return Answer(
        HealthShown(
            version=__version__,
            region=seen.region,
            healthy=_well(seen.healthy()),
            ready=_well(seen.ready()),
            figures=dict(seen.inner()),
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
            "figures": {},
        },
        at_hand=True,
    ),
)
