"""Shell scripts: setting the monitoring up, and keeping it tidy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_TEXTS = Path(__file__).parent


def filled(name: str, target: str, source: str, values: Mapping[str, str]) -> str:
    """The script ``name`` of this folder with its ``@WORDS@`` replaced."""
    text = (_TEXTS / name).read_text(encoding="utf-8")
    head = f"Written by `prober render {target}` from {source}: change that, not this file."
    for word, value in {"HEAD": head, **values}.items():
        text = text.replace(f"@{word}@", value)
    return text
