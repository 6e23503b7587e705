"""Results as lines of JSON, to a file that is rotated by its size, or to stdout for whoever collects that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from prober.model import Duration, Result
from prober.rotation import RotatingFile
from prober.sinks import Sink, SinkSpec
from prober.sinks._lane import Entry, Lane, Limits, Outlet, Taken
from prober.sinks._plain import as_json, encoded

STDOUT = "-"
STDOUT_FD = 1  # not sys.stdout, whose lock a thread that is cut off at the end would keep


class Spec(SinkSpec):
    """Every result as one line of JSON (NDJSON), as in ``prober run --json``, to a file or stdout."""

    kind: Literal["ndjson"]
    """ndjson"""
    path: Annotated[str, Field(min_length=1)] = STDOUT
    """The file, relative to this one; ``-`` is stdout."""
    max_bytes: Annotated[int, Field(ge=4096)] = 100 * 1024 * 1024
    """A file that would grow beyond this is set aside as FILE.1, the one before as FILE.2, and so on."""
    keep: Annotated[int, Field(ge=0, le=1000)] = 5
    """How many files that were set aside are kept."""
    flush_interval: Annotated[Duration, Field(ge=0.05, le=300)] = 1.0
    """The longest time a result waits to be written."""
    queue_bytes: Annotated[int, Field(ge=65_536)] = 8 * 1024 * 1024
    """Results kept while they cannot be written, such as to a full disk; the oldest are dropped and counted."""
    max_age: Annotated[Duration, Field(ge=1, le=86_400)] = 3_600.0
    """How long a result waits to be written at most; then it is dropped and counted."""

    def beside(self, base: Path) -> Self:
        """The same with its file beside the configuration."""
        return self if self.path == STDOUT else self.model_copy(update={"path": str(base / self.path)})


def open_sink(spec: Spec) -> Sink:
    """A running sink; it opens its file when there is something to write."""
    limits = Limits(queue_bytes=spec.queue_bytes, max_age_s=spec.max_age, flush_s=spec.flush_interval)
    lane = Lane("ndjson", _line, lambda: _outlet(spec), limits)
    lane.start()
    return lane


def _line(result: Result) -> tuple[str, bytes]:
    return result.run_id, encoded(as_json(result))


def _outlet(spec: Spec) -> Outlet:
    if spec.path == STDOUT:
        return _ToStream(STDOUT_FD)
    return _ToFile(RotatingFile(Path(spec.path), spec.max_bytes, spec.keep), spec.max_bytes)


class _ToFile:
    def __init__(self, file: RotatingFile, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes

    def put(self, batch: Sequence[Entry]) -> Taken:
        rest = list(batch)
        while rest:
            lines, count = _lines(rest, self._max_bytes)
            try:
                self._file.write(lines)
            except OSError as error:
                return Taken(again=rest, problem=f"{error.strerror}: {error.filename or ''}")
            del rest[:count]
        return Taken()

    def close(self) -> None:
        self._file.close()


class _ToStream:
    """A descriptor that is not ours to rotate, and where what was written cannot be taken back."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._torn = False

    def put(self, batch: Sequence[Entry]) -> Taken:
        for number, entry in enumerate(batch):
            try:
                self._say(entry.body + b"\n")
            except BrokenPipeError as error:
                return Taken(rejected=len(batch) - number, problem=f"{error.strerror}: nobody reads stdout any more")
            except OSError as error:
                return Taken(again=batch[number:], problem=f"{error.strerror}: stdout")
        return Taken()

    def close(self) -> None:
        pass  # others may have more to say on it

    def _say(self, line: bytes) -> None:
        rest = memoryview(b"\n" + line if self._torn else line)  # what was cut off is to spoil no other line
        while rest:
            rest = rest[os.write(self._fd, rest) :]
            self._torn = bool(rest)


def _lines(entries: Sequence[Entry], max_bytes: int) -> tuple[bytes, int]:
    """As many lines as one file takes, at least one, and how many that are."""
    size, count = 0, 0
    for entry in entries:
        size += len(entry.body) + 1
        if count and size > max_bytes:
            break
        count += 1
    return b"".join(entry.body + b"\n" for entry in entries[:count]), count
