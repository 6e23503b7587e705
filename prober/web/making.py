"""How pages are made: templates that escape all they are given, and the words they share."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import HTTPConnection

from prober.clock import iso
from prober.model import format_duration, format_lasting
from prober.panels import clock, size

NAME_CHARS = 80


def templates() -> Environment:
    """The templates of this room."""
    environment = Environment(
        loader=PackageLoader("prober.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        duration=format_duration,
        iso=iso,
        stamp=stamp,
        lasting=format_lasting,
        percent=percent,
        took=took,
        tick=tick,
        web_link=web_link,
        size=size,
        clock=clock,
    )
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


def one_line(text: str, most_chars: int = NAME_CHARS) -> str:
    """``text`` as somebody typed it, in one line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:most_chars]


def tick(wall: float, over_s: float) -> str:
    """A moment along the ground of a chart that shows ``over_s`` seconds: ``14:30`` or ``24 Dec``."""
    return datetime.fromtimestamp(wall, UTC).strftime("%H:%M" if over_s <= 86_400 else "%-d %b")


def percent(share: float | None) -> str:
    """A share of 0 to 1: ``99.95 %``; what is not all is never rounded up to ``100 %``; ``–`` for None."""
    if share is None:
        return "–"
    if share >= 1:
        return "100 %"
    return f"{min(share * 100, 99.999):.3f} %" if share > 0.9999 else f"{share * 100:.2f} %"


def took(seconds: float | None) -> str:
    """A duration of a run to three digits: ``34.1 ms``, ``1.25 s``; ``–`` for None."""
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s" if seconds < 60 else _long(seconds)


def web_link(address: str | None) -> str:
    """``address`` if a browser may be sent there, which is only where it begins with http or https; else nothing."""
    try:
        return address if address and urlsplit(address).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _long(seconds: float) -> str:
    return format_duration(float(round(seconds)))


def ours(text: str) -> Markup:
    """``text`` as markup: only for what was made here, from figures and from what is escaped."""
    return Markup(text)  # noqa: S704
