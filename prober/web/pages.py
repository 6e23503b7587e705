"""How pages are made: templates that escape all they are given, and the words they share."""

from __future__ import annotations

from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from prober.clock import iso
from prober.model import format_duration, format_lasting


def templates() -> Environment:
    """The templates of this room."""
    environment = Environment(
        loader=PackageLoader("prober.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=format_duration, iso=iso, stamp=stamp, lasting=format_lasting)
    return environment


def stamp(wall: float) -> str:
    """A moment to the minute: ``2026-12-24 22:00 UTC``."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%d %H:%M UTC")
