"""The log as every room writes it: an event and its fields. What the lines look like is said in ``app.logs``."""

from __future__ import annotations

import logging
from typing import Any

FIELDS = "event_fields"
"""The attribute of a record that has them."""


class Log:
    """The logger of one place; ``bound`` fields stand in all that it writes."""

    __slots__ = ("_bound", "_logger")

    def __init__(self, name: str = "prober", /, **bound: Any) -> None:
        self._logger = logging.getLogger(name)
        self._bound = bound

    def bind(self, **more: Any) -> Log:
        """The same with ``more`` fields in all that it writes."""
        return Log(self._logger.name, **{**self._bound, **more})

    def debug(self, event: str, /, **fields: Any) -> None:
        self._write(logging.DEBUG, event, **fields)

    def info(self, event: str, /, **fields: Any) -> None:
        self._write(logging.INFO, event, **fields)

    def warning(self, event: str, /, **fields: Any) -> None:
        self._write(logging.WARNING, event, **fields)

    def error(self, event: str, /, **fields: Any) -> None:
        self._write(logging.ERROR, event, **fields)

    def _write(self, level: int, event: str, /, exc_info: BaseException | None = None, **fields: Any) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, exc_info=exc_info, extra={FIELDS: {**self._bound, **fields}})
