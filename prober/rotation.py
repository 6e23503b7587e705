"""Files that are appended to line by line, and set aside when they are full; several processes may write to one."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class RotatingFile:
    """Appends whole lines to ``path``; beyond ``max_bytes`` it becomes ``path.1``, of which ``keep`` stay."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._fd: int | None = None

    def write(self, lines: bytes) -> None:
        """Append ``lines``, all of them or none. Raises OSError."""
        fd = self._ready(len(lines))
        fcntl.flock(fd, fcntl.LOCK_EX)  # so that what a full disk cut off is ours alone to take back
        try:
            before = os.fstat(fd).st_size
            try:
                _write_all(fd, lines)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(fd, before)
                raise
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _ready(self, more: int) -> int:
        """The descriptor of a file that has room for ``more`` bytes, or is empty."""
        fd = self._opened()
        while self._is_full(fd, more):
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                if self._is_in_place(fd) and self._is_full(fd, more):  # else another process was faster
                    self._set_aside()
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
            fd = self._opened()
        return fd

    def _opened(self) -> int:
        if self._fd is not None and not self._is_in_place(self._fd):
            self.close()
        if self._fd is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            _end_last_line(self._fd)
        return self._fd

    def _is_in_place(self, fd: int) -> bool:
        """Whether the file is still the one of that name: others may have rotated or removed it."""
        try:
            there, ours = self._path.stat(), os.fstat(fd)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _is_full(self, fd: int, more: int) -> bool:
        size = os.fstat(fd).st_size
        return size > 0 and size + more > self._max_bytes

    def _set_aside(self) -> None:
        if self._keep == 0:
            self._path.unlink()
            return
        for number in range(self._keep - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._numbered(number).replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _end_last_line(fd: int) -> None:
    """End a line that a crash left open, so that the next one is whole."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        os.write(fd, b"\n")
