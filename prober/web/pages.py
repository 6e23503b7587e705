"""How pages are made: templates that escape all they are given, and the words they share."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection

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


def to_top(asked: HTTPConnection) -> str:
    """The way up from the page that is asked for, as browsers count."""
    return "../" * (raw_path(asked).count("/") - 1)


def raw_path(asked: HTTPConnection) -> str:
    """The path as it was sent."""
    raw: bytes | None = asked.scope.get("raw_path")
    return raw.decode("latin-1") if raw else quote(asked.scope["path"])
