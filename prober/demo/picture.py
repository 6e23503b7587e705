"""A ticket's code as a picture: it looks like a QR code, is drawn from a digest, and no scanner reads it."""

from __future__ import annotations

import hashlib

_SIDE = 25
_FINDER = 7
_FINDER_ROWS = ("1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111")


def ticket_code(ticket: str) -> str:
    """The SVG path of a ticket's code on a grid of 25 by 25."""
    bits = int.from_bytes(hashlib.shake_256(ticket.encode()).digest(_SIDE * _SIDE // 8 + 1))
    return "".join(
        f"M{x} {y}h1v1h-1z" for y in range(_SIDE) for x in range(_SIDE) if _is_dark(x, y, bits >> (y * _SIDE + x) & 1)
    )


def _is_dark(x: int, y: int, bit: int) -> bool:
    finder_x, finder_y = _finder_offset(x), _finder_offset(y)
    if finder_x is None or finder_y is None or (x > _SIDE // 2 and y > _SIDE // 2):
        return bool(bit)
    inside = 0 <= finder_x < _FINDER and 0 <= finder_y < _FINDER
    return inside and _FINDER_ROWS[finder_y][finder_x] == "1"


def _finder_offset(position: int) -> int | None:
    # A finder pattern stands in a corner with one quiet module around it.
    if position <= _FINDER:
        return position
    if position >= _SIDE - _FINDER - 1:
        return position - (_SIDE - _FINDER)
    return None
