"""What people type into forms, made fit to be shown."""

from __future__ import annotations

NAME_CHARS = 80


def one_line(text: str, most_chars: int = NAME_CHARS) -> str:
    """``text`` as somebody typed it, in one line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:most_chars]
