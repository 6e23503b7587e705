"""What a running prober hands to its status pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prober.config import Maintenance
from prober.config.status_pages import StatusPage
from prober.model import Check
from prober.store import Store


@dataclass(frozen=True, slots=True)
class Offer:
    """The pages, and where what they show comes from. The store is asked from threads of their own."""

    pages: Mapping[str, StatusPage]
    base: Path
    """The directory that their relative paths start from."""
    public_url: str | None
    store: Store
    checks: Callable[[], Sequence[Check]]
    """What is checked, wherever that is."""
    windows: Callable[[], Sequence[Maintenance]]
    """Maintenance that is configured."""
    key: Callable[[], bytes | None]
    """What signs links; None until the store has been in reach."""
    retention_s: Callable[[], float]
    """How long what was told is remembered."""
    wake: Callable[[], None]
    """Something was put into the outbox."""
