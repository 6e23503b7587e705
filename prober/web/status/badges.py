"""Badges: small SVGs of their own, to be shown elsewhere. Widths are reckoned, since no font can be asked."""

from __future__ import annotations

from html import escape
from string import Template

from prober.config.status_pages import LIGHT
from prober.model import format_duration
from prober.web.status.public import PublicComponent

UPTIMES = {"uptime-7d": 7, "uptime-30d": 30, "uptime-90d": 90}
KINDS = (*UPTIMES, "state", "p95")
GOOD, FAIR = 0.999, 0.99
"""From where on an uptime is green, and from where on yellow."""
HEIGHT = 20
PADDING = 7
LONGEST = 60

_NARROW = frozenset("fijlrtI1.,:;'|!()[]- ")
_WIDE = frozenset("mwMWQ@%&")
_BADGE = Template(
    '<svg xmlns="http://www.w3.org/2000/svg" width="$whole" height="20" role="img" aria-label="$label: $value">'
    "<title>$label: $value</title>"
    '<clipPath id="r"><rect width="$whole" height="20" rx="3"/></clipPath>'
    '<g clip-path="url(#r)"><rect width="$left" height="20" fill="#3d444d"/>'
    '<rect x="$left" width="$right" height="20" fill="$colour"/></g>'
    '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">'
    '<text x="7" y="14" textLength="$label_width">$label</text>'
    '<text x="$value_at" y="14" textLength="$value_width">$value</text></g></svg>\n'
)

_DOT = Template(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="$colour"/></svg>\n'
)


def badge(component: PublicComponent, kind: str, p95_s: float | None = None) -> str:
    """The badge of ``kind``, one of KINDS."""
    if kind == "state":
        return drawn(component.name, component.word.lower(), LIGHT[component.colour])
    if kind == "p95":
        value = "no data" if p95_s is None else format_duration(p95_s)
        return drawn(f"{component.name} p95", value, LIGHT["none" if p95_s is None else "maintenance"])
    days = UPTIMES[kind]
    ratio = component.uptime[days]
    return drawn(f"{component.name} uptime {days}d", percent(ratio), LIGHT[uptime_colour(ratio)])


def dot(colour: str) -> str:
    """A round icon."""
    return _DOT.substitute(colour=colour)


def percent(ratio: float | None) -> str:
    """``99.98 %``; rounded down, so that 100 is said of nothing that ever failed."""
    if ratio is None:
        return "no data"
    hundredths = int(ratio * 10_000 + 1e-6)
    return "100 %" if hundredths >= 10_000 else f"{hundredths / 100:.2f} %"


def uptime_colour(ratio: float | None) -> str:
    """The name of its colour."""
    if ratio is None:
        return "none"
    return "up" if ratio >= GOOD else "degraded" if ratio >= FAIR else "down"


def drawn(label: str, value: str, colour: str) -> str:
    """The SVG; both texts are escaped, and cut where they are too long."""
    label, value = (text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in (label, value))
    label_width, value_width = _width(label), _width(value)
    left, right = label_width + 2 * PADDING, value_width + 2 * PADDING
    return _BADGE.substitute(
        whole=left + right,
        left=left,
        right=right,
        label_width=label_width,
        value_width=value_width,
        value_at=left + PADDING,
        colour=colour,
        label=_plain(label),
        value=_plain(value),
    )


def _width(text: str) -> int:
    """About how many pixels ``text`` takes; ``textLength`` makes it fit."""
    return round(sum(4.0 if char in _NARROW else 10.0 if char in _WIDE else 7.0 for char in text))


def _plain(text: str) -> str:
    return escape("".join(char if char.isprintable() else " " for char in text))
