"""Keys as they are pressed, one by one."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Any

NAMES = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[5~": "pageup",
    "\x1b[6~": "pagedown",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b": "esc",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\b": "backspace",
}


class Keys:
    """Takes keys from standard input while it is open; where that is no terminal there are none."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._before: list[Any] | None = None
        self._waiting = ""

    def __enter__(self) -> Keys:
        if self._fd is not None:
            self._before = termios.tcgetattr(self._fd)
            tty.setcbreak(self._fd)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, tb: TracebackType | None) -> None:
        if self._fd is not None and self._before is not None:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def wait(self, seconds: float) -> str | None:
        """The next key by its name; None where none came in time."""
        if not self._waiting:
            watched = [] if self._fd is None else [self._fd]
            ready, _, _ = select.select(watched, [], [], seconds)
            if not ready or self._fd is None:
                return None
            self._waiting = os.read(self._fd, 1024).decode("utf-8", "replace")
        key, self._waiting = first_key(self._waiting)
        return key


def first_key(text: str) -> tuple[str, str]:
    """The first key of what was read, and the rest."""
    for sequence in sorted(NAMES, key=len, reverse=True):
        if text.startswith(sequence):
            return NAMES[sequence], text[len(sequence) :]
    return text[:1], text[1:]
