"""A real ``prober`` process, as a user starts one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Prober:
    """``prober`` with some arguments, its stderr read as it comes."""

    def __init__(
        self,
        *arguments: str | Path,
        environ: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "prober", *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environ or {})},
            cwd=cwd,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, pattern: str, within_s: float = 50.0, after: int = 0) -> re.Match[str]:
        """The first match of ``pattern`` in a line of the log from number ``after`` on."""

        def found() -> re.Match[str] | None:
            return next((m for line in self.lines[after:] if (m := re.search(pattern, line))), None)

        with self._said:
            self._said.wait_for(lambda: found() or self._process.poll() is not None, within_s)
            match = found()
        assert match, f"no {pattern!r} in:\n" + "\n".join(self.lines)
        return match

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, within_s: float = 50.0) -> int:
        """Wait for the process; its exit code."""
        code = self._process.wait(within_s)
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                with self._said:
                    self.lines.append(line.rstrip())
                    self._said.notify_all()
        with self._said:
            self._said.notify_all()


@contextmanager
def prober(
    *arguments: str | Path,
    environ: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[Prober]:
    """A running prober; killed at the end if it still runs."""
    process = Prober(*arguments, environ=environ, cwd=cwd)
    try:
        yield process
    finally:
        process._process.kill()
        process.end()
