"""Structured logs: JSON or ECS for machines, a console for people; on stderr, and in files where one wants them.

Every known secret is taken out at the last step. ECS is the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs).
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from prober.log import FIELDS
from prober.rotation import RotatingFile
from prober.secret import Redactor

SHOWN = 2_000  # characters of one value; what a target sent may be endless
_QUIET = {
    "httpx": logging.WARNING,  # logs every URL, and a webhook's URL is its secret
    "httpcore": logging.WARNING,
    "apprise": logging.CRITICAL,  # quotes the URLs it cannot read, and they are secrets
    "boto3": logging.WARNING,
    "elastic_transport": logging.ERROR,  # tells of every failed request, which is the sink's to tell once
    "botocore": logging.WARNING,
    "urllib3": logging.WARNING,
    "alembic": logging.WARNING,
    "apscheduler": logging.WARNING,
    "uvicorn": logging.WARNING,
    "asyncio": logging.WARNING,
}

ECS_VERSION = "8.17.0"
DATASET = "prober.log"

Style = Literal["auto", "console", "json", "ecs"]

_HEAD = frozenset({"time", "level", "event", "exception"})
_COLOURS = {"debug": 36, "info": 32, "warning": 33, "error": 31, "critical": 31}


class _Lines(logging.Formatter):
    """What a line says, without secrets and control characters, and in which form."""

    def __init__(self, redactor: Redactor, style: Style, *, coloured: bool = False) -> None:
        super().__init__()
        self._redactor = redactor
        self._form = style
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
        if self._form == "console":
            return self._for_people(said)
        return json.dumps(_as_ecs(said, record) if self._form == "ecs" else said, default=repr)

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


def _as_ecs(said: Mapping[str, Any], record: logging.LogRecord) -> dict[str, Any]:
    """The same by ECS; ``requestId`` is what the platform's own logs call what one run, or request, belongs to."""
    line = {
        "@timestamp": said["time"],
        "log.level": said["level"],
        "message": said["event"],
        "ecs.version": ECS_VERSION,
        "event.dataset": DATASET,
        "service.name": "prober",
        "log.logger": record.name,
    }
    if record.exc_info and record.exc_info[0] is not None:
        line["error.type"] = record.exc_info[0].__name__
        line["error.stack_trace"] = said["exception"]
    if "run" in said:
        line["requestId"] = said["run"]
    fields = {key: value for key, value in said.items() if key not in _HEAD}
    return {**line, "prober": fields} if fields else line


class _ToFile(logging.Handler):
    """Appends to a file of the log; on a full disk the line is lost, and the prober goes on."""

    def __init__(self, file: RotatingFile) -> None:
        super().__init__()
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            self._file.write(self.format(record).encode("utf-8", "replace") + b"\n")

    def close(self) -> None:
        with self.lock or contextlib.nullcontext():
            self._file.close()
        super().close()


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


@dataclass(frozen=True, slots=True)
class LogFiles:
    """Where the files of the log are, and how large they become."""

    directory: Path
    max_bytes: int
    keep: int


def configure_logs(
    redactor: Redactor,
    style: Style = "auto",
    level: str = "info",
    stream: TextIO | None = None,
    files: LogFiles | None = None,
) -> None:
    """Send every log line to ``stream`` (stderr) in one form; ``auto`` is a console on a terminal, else JSON.

    With ``files`` every line goes to ``combined.log`` too, and errors to ``error.log``.
    """
    out = stream or sys.stderr
    if style == "auto":
        style = "console" if out.isatty() else "json"
    first = _ToStderr(stream)
    first.setFormatter(_Lines(redactor, style, coloured=style == "console" and out.isatty()))
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers[:] = [first, *(_file_handlers(redactor, style, files) if files else ())]
    for handler in before:
        if isinstance(handler, _ToFile):
            handler.close()
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, root.level))


def _file_handlers(redactor: Redactor, style: Style, files: LogFiles) -> list[logging.Handler]:
    """One for all lines and one for errors; machines read them, so what people get on a terminal is JSON there."""
    handlers: list[logging.Handler] = []
    for name, least in (("combined.log", logging.NOTSET), ("error.log", logging.ERROR)):
        handler = _ToFile(RotatingFile(files.directory / name, files.max_bytes, files.keep))
        handler.setLevel(least)
        handler.setFormatter(_Lines(redactor, "ecs" if style == "ecs" else "json"))
        handlers.append(handler)
    return handlers
