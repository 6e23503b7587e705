"""The HTML report of one ``prober run``: a single file that needs nothing else, no script and no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from prober import __version__
from prober.panels import (
    bare_facts,
    calls,
    certificate,
    clock,
    milliseconds,
    phases,
    size,
    steps,
    tiles,
    trouble,
    waterfall,
)
from prober.render.terminal import SIGNS

_TEMPLATES = Path(__file__).parent / "templates"
_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what it shows."""

    name: str
    """Its file's name, which tells the type."""
    content: bytes
    label: str = ""

    @property
    def source(self) -> str:
        """The picture itself as a data URI (RFC 2397)."""
        kind = _TYPES.get(Path(self.name).suffix, "application/octet-stream")
        return f"data:{kind};base64,{base64.b64encode(self.content).decode()}"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What was kept of one run: evidence.json, pictures of its steps, frames of its film."""

    evidence: Mapping[str, Any] | None = None
    pictures: tuple[Picture, ...] = ()
    frames: tuple[Picture, ...] = ()


def html_report(document: Mapping[str, Any], titles: Mapping[str, str], exhibits: Sequence[Exhibit]) -> str:
    """The report of ``document``, which is that of ``results.document``.

    ``titles`` are the checks' names for people by id, ``exhibits`` in the order of the document's results.
    """
    environment = Environment(
        loader=PackageLoader("prober.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(time=milliseconds, size=size, clock=clock)
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        summary=document["summary"],
        sections=[_section(one, titles, exhibit) for one, exhibit in zip(document["results"], exhibits, strict=True)],
        style=Markup(style),  # noqa: S704  # our own file, and escaping would change its hash
        # No style but ours, pictures from within, nothing else: https://www.w3.org/TR/CSP3/
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        version=__version__,
        signs={verdict.value: sign for verdict, sign in SIGNS.items()},
    )


def _section(result: Mapping[str, Any], titles: Mapping[str, str], exhibit: Exhibit) -> dict[str, Any]:
    evidence = exhibit.evidence or {}
    return {
        "result": result,
        "title": titles.get(result["check"]) or result["check"],
        "tiles": tiles(result),
        "steps": steps(result, evidence),
        "phases": phases(result),
        "calls": calls(result),
        "waterfall": waterfall(evidence),
        "trouble": trouble(evidence),
        "certificate": certificate(result),
        "facts": bare_facts(result),
        "attempts": result["facts"].get("attempts", ()),
        "pictures": _failed_first(exhibit.pictures),
        "frames": exhibit.frames,
        "evidence": evidence,
    }


def _failed_first(pictures: Iterable[Picture]) -> list[Picture]:
    return sorted(pictures, key=lambda picture: not picture.name.endswith(".png"))
