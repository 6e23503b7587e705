"""Configurations to render from, as they would lie on a disk."""

from __future__ import annotations

from pathlib import Path

from prober.config import Loaded, load

JOURNEY = """
from prober import journey

@journey(id="buy", title="Buy")
async def buy(page):
    pass
"""


def written(folder: Path, files: dict[str, str]) -> Path:
    """``files`` below ``folder``."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


def configured(folder: Path, text: str) -> Loaded:
    """``text`` as ``probes.yaml``, with a journey and a file to refer to beside it; no variable is set."""
    written(folder, {"probes.yaml": text, "checks/buy.py": JOURNEY, "checks/pages.py": "HOME = '/'\n"})
    return load(folder / "probes.yaml", {}, lenient=True)
