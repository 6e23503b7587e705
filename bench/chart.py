"""Figures over a size as an SVG: small charts side by side, one figure each, on axes that begin at nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT, GAP = 240, 150, 62
LEFT, TOP, BOTTOM = 48, 44, 46
INK, FAINT, GRID, LINE = "#24292f", "#57606a", "#d8dee4", "#0969da"
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure over the size."""

    title: str
    points: Sequence[tuple[float, float]]


def ticks(most: float, count: int = 4) -> list[float]:
    """Round numbers from 0 to the first that is not below ``most``, about ``count`` steps."""
    raw = max(most, 1e-9) / count
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * step for step in STEPS if unit * step >= raw * (1 - 1e-9))
    return [step * number for number in range(max(1, math.ceil(most / step - 1e-9)) + 1)]


def chart(title: str, across: str, panels: Sequence[Panel]) -> str:
    """The whole picture."""
    wide = LEFT + len(panels) * WIDTH + (len(panels) - 1) * GAP + 24
    high = TOP + HEIGHT + BOTTOM
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
            f'role="img" font-family="system-ui, sans-serif" font-size="11" fill="{FAINT}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{wide}" height="{high}" fill="#ffffff"/>',
            *(
                line
                for place, panel in enumerate(panels)
                for line in _panel(panel, LEFT + place * (WIDTH + GAP), across)
            ),
            "</svg>\n",
        ]
    )


def _panel(panel: Panel, left: float, across: str) -> Iterator[str]:
    xs, ys = (ticks(max(point[axis] for point in panel.points)) for axis in (0, 1))
    base = TOP + HEIGHT

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return round(left + point[0] / xs[-1] * WIDTH, 1), round(base - point[1] / ys[-1] * HEIGHT, 1)

    yield f'<text x="{left}" y="{TOP - 20}" font-size="13" font-weight="600" fill="{INK}">{escape(panel.title)}</text>'
    for value in ys:
        _, y = at((0, value))
        yield f'<line x1="{left}" x2="{left + WIDTH}" y1="{y}" y2="{y}" stroke="{GRID}"/>'
        yield f'<text x="{left - 7}" y="{y + 4}" text-anchor="end">{value:,.7g}</text>'
    for value in xs:
        x, _ = at((value, 0))
        yield f'<text x="{x}" y="{base + 16}" text-anchor="middle">{value:,.7g}</text>'
    yield f'<text x="{left + WIDTH / 2}" y="{base + 34}" text-anchor="middle">{escape(across)}</text>'
    placed = [at(point) for point in panel.points]
    (x1, y1), (x2, y2) = placed[0], placed[-1]
    yield f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{FAINT}" stroke-dasharray="3 3"/>'
    yield f'<polyline points="{" ".join(f"{x},{y}" for x, y in placed)}" fill="none" stroke="{LINE}" stroke-width="2"/>'
    for (x, y), (size, value) in zip(placed, panel.points, strict=True):
        yield f'<circle cx="{x}" cy="{y}" r="4" fill="{LINE}" stroke="#ffffff" stroke-width="1.5">'
        yield f"<title>{size:,.0f}: {value:.3g}</title></circle>"
    yield f'<text x="{x2}" y="{y2 - 9}" text-anchor="end" fill="{INK}">{panel.points[-1][1]:,.3g}</text>'
