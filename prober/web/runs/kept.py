"""A run as it was kept: its result, and of its last try the evidence, the pictures and the other files."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path, PurePath
from typing import Any

from prober.panels import split_url
from prober.store import StoredResult
from prober.web.runs.evidence import read_evidence

FRAMES_SHOWN = 60
FRAME_BYTES = 1 << 20
PICTURES = (".png", ".jpg")

Find = Callable[[str], tuple[Path, str] | None]
Row = Mapping[str, Any]

_NUMBERED = re.compile(r"(\d{1,4})-(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Picture:
    """A screenshot."""

    link: str
    """From the root of the web side."""
    step: int | None
    """The step that it shows the end of; None where it is of the whole run."""
    label: str
    failed: bool
    """Whether it shows where something failed."""


@dataclass(frozen=True, slots=True)
class File:
    """Something kept of a run that pages do not show themselves."""

    kind: str
    name: str
    link: str
    """From the root of the web side, or a whole address elsewhere; empty where it is gone."""
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A result and what stands beside it."""

    result: StoredResult
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Empty where none is kept."""
    pictures: tuple[Picture, ...] = ()
    frames: tuple[tuple[str, str], ...] = ()
    """(link, moment) of the filmstrip's pictures."""
    files: tuple[File, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """The result as ``prober.panels`` reads it."""
        payload, result = self.result.payload, self.result
        return {
            "verdict": result.verdict.value,
            "reason": result.reason.value,
            "duration_s": result.duration_s,
            "phases": payload.get("phases", {}),
            "facts": payload.get("facts", {}),
            "steps": payload.get("steps", ()),
            "measures": payload.get("measures", ()),
            "outcomes": payload.get("outcomes", ()),
        }

    @property
    def steps(self) -> Sequence[Row]:
        """The steps as they were stored."""
        return tuple(self.result.payload.get("steps", ()))

    @property
    def begun(self) -> Sequence[tuple[str, float]]:
        """(step, when it began); where nobody noted that, as if there were nothing between them."""
        known = [(step["name"], step["began_s"]) for step in self.evidence.get("steps", ())]
        ends = accumulate((step["duration_s"] for step in self.steps), initial=0.0)
        return known or [(step["name"], end) for step, end in zip(self.steps, ends, strict=False)]

    @property
    def requests(self) -> Sequence[Row]:
        """What the browser asked for; of an API journey its own requests, one after another in their steps."""
        kept: Sequence[Row] = self.evidence.get("requests", ())
        return kept or tuple(_calls(self.told["facts"].get("http_requests", ()), self.begun))


def kept(result: StoredResult, find: Find) -> Kept:
    """What is kept of ``result``; reads files, so ask from a thread."""
    artifacts = [one for one in result.payload.get("artifacts", ()) if isinstance(one, dict)]
    found = {one["id"]: place for one in artifacts if one.get("id") and (place := find(str(one["id"])))}
    last = PurePath(str(artifacts[-1].get("path", ""))).parent if artifacts else None
    of_last = [one for one in artifacts if PurePath(str(one.get("path", ""))).parent == last]
    evidence = next((found[one["id"]][0] for one in of_last if _there(one, "evidence", found)), None)
    strip = next((one["id"] for one in of_last if _there(one, "filmstrip", found)), None)
    return Kept(
        result,
        read_evidence(evidence) if evidence else {},
        tuple(_picture(one) for one in of_last if _there(one, "screenshot", found) and _shown(one)),
        tuple(_frames(strip, found[strip][0])) if strip else (),
        tuple(_file(one, one.get("id") in found) for one in artifacts),
    )


def frame(strip: Path, number: int) -> bytes | None:
    """One picture of a filmstrip; None where there is no such one."""
    try:
        with zipfile.ZipFile(strip) as box:
            names = _frame_names(box)
            return box.read(names[number]) if 0 <= number < len(names) else None
    except (OSError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return None


def _calls(calls: Iterable[Row], begun: Sequence[tuple[str, float]]) -> Iterable[Row]:
    ends: dict[int | None, float] = {}
    for call in calls:
        number = next((n for n, (name, _) in enumerate(begun) if name == call["step"]), None)
        began = ends.get(number, 0.0 if number is None else begun[number][1])
        ends[number] = began + call["duration_s"]
        yield {**call, "step": number, "began_s": began}


def _there(artifact: Row, kind: str, found: Mapping[str, Any]) -> bool:
    return artifact.get("kind") == kind and artifact.get("id") in found


def _shown(artifact: Row) -> bool:
    return PurePath(str(artifact["path"])).suffix in PICTURES


def _picture(artifact: Row) -> Picture:
    path = PurePath(str(artifact["path"]))
    numbered = _NUMBERED.fullmatch(path.stem)
    step, words = (int(numbered[1]) - 1, numbered[2]) if numbered else (None, path.stem)
    return Picture(f"artifacts/{artifact['id']}", step, words.replace("-", " "), path.suffix == ".png")


def _file(artifact: Row, here: bool) -> File:
    kind, path, url = (str(artifact.get(name) or "") for name in ("kind", "path", "url"))
    name = PurePath(path).name
    if here:
        return File(kind, name, f"artifacts/{artifact['id']}")
    told = split_url(url).scheme in ("http", "https")
    return File(kind, name, url if told else "", elsewhere=told)


def _frames(identity: str, strip: Path) -> Iterable[tuple[str, str]]:
    try:
        with zipfile.ZipFile(strip) as box:
            names = _frame_names(box)
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return
    for number, name in enumerate(names):
        yield f"artifacts/{identity}/{number}", f"{int(PurePath(name).stem) / 1000:.1f} s"


def _frame_names(box: zipfile.ZipFile) -> list[str]:
    """Of at most so many pictures, evenly over the run; what is no frame of ours is passed over."""
    names = sorted(
        one.filename for one in box.infolist() if one.file_size <= FRAME_BYTES and _is_frame(PurePath(one.filename))
    )
    every = max(1, -(-len(names) // FRAMES_SHOWN))
    return names[::every]


def _is_frame(path: PurePath) -> bool:
    return path.suffix == ".jpg" and path.stem.isascii() and path.stem.isdigit() and len(path.stem) <= 9
