"""Structured logs on stderr: JSON for machines, a console for people, every known secret taken out at the last step."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog

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


class _Scrub:
    """Takes secrets and control characters out of everything a line is about to say."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: self._scrub(key, value) for key, value in event.items()}

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
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    ending: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _Scrub(redactor),
        structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if people
        else structlog.processors.JSONRenderer(),
    ]
    handler = _ToStderr(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=ending))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
