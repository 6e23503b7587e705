"""Structured logs on stderr: JSON for machines, a console for people, every known secret taken out at the last step."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from prober.log import FIELDS
from prober.secret import Redactor

SHOWN = 2_000  # characters of one value; what a target sent may be endless
_QUIET = {
    "httpx": logging.WARNING,  # logs every URL, and a webhook's URL is its secret
    "httpcore": logging.WARNING,
    "apprise": logging.CRITICAL,  # quotes the URLs it cannot read, and they are secrets
    "boto3": logging.WARNING,
    "botocore": logging.WARNING,
    "urllib3": logging.WARNING,
    "alembic": logging.WARNING,
    "apscheduler": logging.WARNING,
    "uvicorn": logging.WARNING,
    "asyncio": logging.WARNING,
}


_HEAD = frozenset({"time", "level", "event", "exception"})
_COLOURS = {"debug": 36, "info": 32, "warning": 33, "error": 31, "critical": 31}


class _Lines(logging.Formatter):
    """What a line says, without secrets and control characters, and in which form."""

    def __init__(self, redactor: Redactor, *, people: bool, coloured: bool) -> None:
        super().__init__()
        self._redactor = redactor
        self._people = people
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        said = {
            **getattr(record, FIELDS, {}),
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        said = {key: self._scrub(key, value) for key, value in said.items()}
        return self._for_people(said) if self._people else json.dumps(said, default=repr)

    def _for_people(self, said: Mapping[str, Any]) -> str:
        level = f"{said['level']:<8}"
        if self._coloured:
            level = f"\x1b[{_COLOURS.get(said['level'], 0)}m{level}\x1b[0m"
        fields = [f"{key}={value}" for key, value in said.items() if key not in _HEAD]
        line = " ".join((said["time"], level, f"{said['event']:<32}", *fields)).rstrip()
        return f"{line}\n{said['exception']}" if "exception" in said else line

    def _scrub(self, key: str, value: Any) -> Any:
        value = self._redactor.value(value)
        if not isinstance(value, str):
            return value
        keeps_lines = key == "exception"
        text = "".join(c if c.isprintable() or (keeps_lines and c in "\n\t") else " " for c in value)
        return text[-SHOWN:] if keeps_lines else text[:SHOWN]  # what happened stands at the end of a traceback


class _ToStderr(logging.Handler):
    """Writes to what is sys.stderr at the moment: a live table on the terminal puts itself there."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        out = self._stream or sys.stderr
        try:
            out.write(self.format(record) + "\n")
            out.flush()
        except (OSError, ValueError):  # nobody reads stderr any more; a prober goes on without
            return


def configure_logs(
    redactor: Redactor,
    style: Literal["auto", "console", "json"] = "auto",
    level: str = "info",
    stream: TextIO | None = None,
) -> None:
    """Send every log line to ``stream`` (stderr) in one form; ``auto`` is a console on a terminal, else JSON."""
    out = stream or sys.stderr
    people = style == "console" or (style == "auto" and out.isatty())
    handler = _ToStderr(stream)
    handler.setFormatter(_Lines(redactor, people=people, coloured=people and out.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, root.level))
