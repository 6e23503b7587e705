"""``prober show``: looks at what a run left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from prober.app.artifacts import Kept, read_indexes
from prober.faults import UserFault

STARTED_LINE = "Listening on "


def show(directory: Path, wanted: str, host: str, port: int) -> int:
    """Serve the trace among what ``wanted`` names until Ctrl-C, or print where the files are; the exit code.

    ``wanted`` is an artifact's id, a run's id, or a file. Raises UserFault where there is no such thing.
    """
    files = find(directory, wanted)
    traces = [file for file in files if file.kind == "trace"]
    for file in files:
        click.echo(f"{file.kind}: {file.path}")
    return serve_trace(traces[-1].path, host, port) if traces else 0


def find(directory: Path, wanted: str) -> Sequence[Kept]:
    """What an id or a path stands for. Raises UserFault."""
    if Path(wanted).is_file():
        path = Path(wanted).resolve()
        return [Kept("", "trace" if path.suffix == ".zip" and "trace" in path.name else "file", path)]
    known = list(read_indexes(directory))
    found = [file for file in known if wanted in (file.id, *file.path.relative_to(directory.resolve()).parts[1:2])]
    there = [file for file in found if file.path.is_file()]
    if there:
        return there
    if found:
        raise UserFault(f"{wanted}: its files are no longer there")
    raise UserFault(f"{wanted}: no such artifact or run under {directory}; the results of a run name both")


def serve_trace(path: Path, host: str, port: int) -> int:
    """Serve a trace with Playwright's own viewer, which any browser shows, until Ctrl-C. Raises UserFault."""
    command = [sys.executable, "-m", "playwright", "show-trace", "--host", host, "--port", str(port), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as viewer:
        said = ""
        try:
            for line in viewer.stdout or ():
                said = line.strip() or said
                if said.startswith(STARTED_LINE):
                    click.echo(f"trace viewer: {said.removeprefix(STARTED_LINE)}  (Ctrl-C ends it)")
            code = viewer.wait()
        except KeyboardInterrupt:
            viewer.terminate()
            return 0
    if code and not said.startswith(STARTED_LINE):
        raise UserFault(f"the trace viewer does not start: {said or f'it exited {code}'}")
    return 0
