"""What a run left on disk, read back for its report."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from prober.model import Result
from prober.render.report import Exhibit, Picture
from prober.secret import Redactor

FRAMES_SHOWN = 60


def exhibit_of(result: Result, redactor: Redactor) -> Exhibit:
    """The evidence of the last try of ``result``; a file that is not there or not readable is missing in it."""
    files = [(artifact.kind, Path(artifact.path)) for artifact in result.observation.artifacts]
    pictures = tuple(
        Picture(path.name, content, redactor.text(_label(path)))
        for kind, path in files
        if kind == "screenshot" and (content := _read(path))
    )
    evidence = next((_document(path) for kind, path in reversed(files) if kind == "evidence"), None)
    strip = next((path for kind, path in reversed(files) if kind == "filmstrip"), None)
    return Exhibit(redactor.value(evidence), pictures, _frames(strip) if strip else ())


def _document(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(_read(path))
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("version") == 1 else None


def _frames(strip: Path) -> tuple[Picture, ...]:
    try:
        with zipfile.ZipFile(strip) as box:
            names = sorted(box.namelist())[:FRAMES_SHOWN]
            return tuple(Picture(name, box.read(name), f"{int(Path(name).stem) / 1000:.1f} s") for name in names)
    except (OSError, ValueError, zipfile.BadZipFile):
        return ()


def _label(path: Path) -> str:
    """``2-choose-seats.jpg`` as people read it: ``2 choose seats``."""
    return path.stem.replace("-", " ")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
