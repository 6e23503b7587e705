"""``prober`` as called on a command line, but in this process, since a process per question takes its second."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prober.cli import main


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


@contextmanager
def in_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Calls ``prober``; what it did to logging is undone at the end."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def call(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["prober", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code: Any = 0
        except SystemExit as ending:
            code = ending.code or 0
        out, err = capsys.readouterr()
        return Done(int(code), out, err)

    yield call
    root.handlers[:] = handlers
    root.setLevel(level)
