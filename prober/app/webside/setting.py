"""What the web's process is told: when it starts, and whenever the configuration has changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prober.config import Maintenance, Web
from prober.config.sections import Logs
from prober.model import Check
from prober.secret import Secret

HEAD_BYTES = 4


@dataclass(frozen=True, slots=True)
class Setting:
    """Goes over a pair of sockets without a name, once."""

    region: str
    base: Path
    """The directory that the configuration's relative paths start from."""
    store: Path | Secret
    web: Web
    """As it was when the prober started."""
    has: frozenset[str]
    """Which of the parts of a View that may be missing are there."""
    logs: Logs


@dataclass(frozen=True, slots=True)
class Configured:
    """What the web goes by of a configuration."""

    digest: str
    web: Web
    windows: tuple[Maintenance, ...]
    fine_s: float
    """For how long history is kept by five minutes."""
    retention_s: float
    """For how long results are."""
    secrets: tuple[Secret, ...]
    """What must be shown nowhere."""
    here: frozenset[str]
    """The ids of the checks that run here."""
    checks: tuple[Check, ...]
    """All there are."""
