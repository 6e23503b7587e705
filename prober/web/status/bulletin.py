"""Announcements in a directory of Markdown files, read again when one of them changes.

---
title: Payments are slow
kind: outage
starts: 2026-11-25 10:00
components: [payments]
---
Some payments take longer than usual.

## 2026-11-25 10:05 Investigating
We are looking for the cause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prober.clock import Clock
from prober.config import tree
from prober.config.document import Refused, parse
from prober.faults import describe
from prober.log import Log
from prober.store import Announced, Announcement, Update

MOST_FILES = 500
FILE_BYTES = 64 * 1024
LOOK_S = 2.0
"""So often the directory is looked at."""

_log = Log(__name__)
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_MOMENT = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?"
_UPDATE = re.compile(rf"^##[ \t]+({_MOMENT})[ \t]*(.*)$", re.MULTILINE)
_KNOWN = ("title", "kind", "starts", "ends", "components", "about")


@dataclass
class Bulletin:
    """The files of one page. One that cannot be read keeps what it said before, and the log says why."""

    page: str
    directory: Path
    components: frozenset[str]
    """The public ids there are."""
    clock: Clock
    _read: dict[str, tuple[tuple[int, int], Announcement | None]] = field(default_factory=dict)
    _looked_at: float = float("-inf")

    def announcements(self) -> tuple[Announcement, ...]:
        """What they say now."""
        now = self.clock.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._look()
        return tuple(one for _, one in self._read.values() if one is not None)

    def _look(self) -> None:
        try:
            paths = sorted(self.directory.glob("*.md"))[-MOST_FILES:]
            found = {path.name: (path, path.stat()) for path in paths}
        except OSError as error:
            _log.warning("announcements cannot be read", directory=str(self.directory), error=describe(error))
            return
        before, self._read = self._read, {}
        for name, (path, stat) in found.items():
            stamp, known = (stat.st_mtime_ns, stat.st_size), before.get(name)
            self._read[name] = known if known and known[0] == stamp else (stamp, self._take(path, known and known[1]))

    def _take(self, path: Path, known: Announcement | None) -> Announcement | None:
        try:
            with path.open("rb") as file:
                data = file.read(FILE_BYTES + 1)
            if len(data) > FILE_BYTES:
                raise ValueError(f"larger than {FILE_BYTES // 1024} KiB")
            return read_announcement(self.page, path.stem, data.decode("utf-8"), self.components)
        except (OSError, ValueError) as error:
            _log.warning("an announcement cannot be used", file=path.name, error=describe(error))
            return known


def read_announcement(page: str, name: str, text: str, components: frozenset[str]) -> Announcement:
    """The announcement in ``text``. Raises ValueError, which says what is wrong with it."""
    text = text.replace("\r\n", "\n")
    match = _FRONT.match(text)
    if match is None:
        raise ValueError("expected front matter between two lines of ---, with title, kind and starts")
    front = _front(match[1])
    title, kind = (front.get("title") or "").strip(), front.get("kind") or "information"
    if not title or len(title) > 200:
        raise ValueError("title: expected one line of at most 200 characters")
    if kind not in list(Announced):
        raise ValueError(f"kind: {kind[:40]!r} is none of {', '.join(Announced)}")
    named = front.get("components") or []
    named = [named] if isinstance(named, str) else named
    if not isinstance(named, list):
        raise ValueError("components: expected a list of component ids")
    for one in named:
        if not isinstance(one, str) or one not in components:
            raise ValueError(f"components: no component {repr(one)[:40]}; there are {', '.join(sorted(components))}")
    starts_at, ends_at = moment(front.get("starts")), front.get("ends")
    body, *parts = _UPDATE.split(text[match.end() :])
    updates = [
        Update(moment(at), state.strip()[:60] or "Update", said.strip())
        for at, state, said in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]
    updates.sort(key=lambda update: update.at)
    return Announcement(
        id=f"file-{name}",
        page=page,
        title=title,
        kind=Announced(kind),
        starts_at=starts_at,
        ends_at=None if ends_at is None else moment(ends_at),
        text=body.strip(),
        components=tuple(named),
        updates=tuple(updates),
        about=front.get("about") or "",
        changed_at=updates[-1].at if updates else starts_at,
    )


def moment(value: object) -> float:
    """A date and time, UTC where it says nothing else, as seconds. Raises ValueError."""
    try:
        parsed = datetime.fromisoformat(str(value).strip())
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"expected a date and time such as 2026-11-25 10:05 (UTC), not {str(value)[:40]!r}") from None


def _front(text: str) -> dict[str, Any]:
    try:
        root, problems = parse(text.encode())
    except Refused as refused:
        raise ValueError(f"the front matter: {refused}") from None
    if problems:
        raise ValueError(f"the front matter: {problems[0].message}")
    found: dict[str, Any] = tree.build(root, lambda value, *_: value)
    for key, value in found.items():
        if key not in _KNOWN:
            raise ValueError(f"{key[:40]!r} is none of {', '.join(_KNOWN)}")
        if key != "components" and not isinstance(value, str | None):
            raise ValueError(f"{key}: expected a text")
    return found
