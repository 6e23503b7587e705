"""What the web's process is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prober.config.sections import Web
from prober.secret import Secret

HEAD_BYTES = 4


@dataclass(frozen=True, slots=True)
class Setting:
    """Goes over a pair of sockets without a name, once."""

    region: str
    web: Web
    store: Path | Secret | None
    """None for a store in memory, which is asked over the lines."""
    has: frozenset[str]
    secrets: tuple[Secret, ...]
    """What must not get into its log."""
    log_format: str
    log_level: str
