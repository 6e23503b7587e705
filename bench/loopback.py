"""What of ours the benches start on loopback, the timed target and the prober, and how they wait and ask.

What others made stands in ``peers.py``. All of it ends with the bench.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SEARCHED = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))


def tool(name: str, package: str) -> str:
    """Where ``name`` is; says what to install where it is nowhere, and ends the bench."""
    found = shutil.which(name, path=SEARCHED)
    if found is None:
        raise SystemExit(f"this bench needs {name}: apt-get install {package}")
    return found


@dataclass(slots=True)
class Target:
    """The running target of ``target.c``."""

    port: int
    held_ns: dict[int, int] = field(default_factory=dict)
    """By request id: for how long it was held; filled when the target has stopped."""

    def url(self, hold_ms: int = 0, identity: int = 0) -> str:
        """What to ask it; a request with an ``identity`` is written down."""
        return f"http://127.0.0.1:{self.port}/{hold_ms}/{identity}"

    def count(self) -> int:
        """How many requests it has answered."""
        return int(fetch(self.port, "/count"))


@contextmanager
def target() -> Iterator[Target]:
    """The target, compiled anew."""
    with tempfile.TemporaryDirectory() as place:
        program = Path(place) / "target"
        compiler = tool("cc", "gcc libc6-dev")
        subprocess.run([compiler, "-O2", "-o", program, Path(__file__).with_name("target.c")], check=True)
        with (Path(place) / "held").open("w+") as told:
            process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=told, text=True)
            try:
                until(lambda: (Path(place) / "held").read_text().endswith("\n"), "the target listens")
                running = Target(int((Path(place) / "held").read_text()))
                yield running
            finally:
                process.communicate(timeout=10)
            lines = (Path(place) / "held").read_text().splitlines()[1:]
            running.held_ns.update((int(number), int(held)) for number, held in map(str.split, lines))


def config(
    place: Path, urls: Sequence[str], interval: str, checks: Iterable[str] = (), sections: Iterable[str] = ()
) -> Path:
    """A configuration in ``place``: an http check for each of ``urls``, and other checks and sections as YAML."""
    listed = [f"id: check-{number:05}, kind: http, url: '{url}'" for number, url in enumerate(urls)]
    path = place / "probes.yaml"
    lines = [
        *sections,
        f"defaults: {{interval: {interval}, timeout: {'1s' if interval == '1s' else '5s'}}}",
        "checks:",
        *(f"  - {{{check}}}" for check in (*listed, *checks)),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def started(*command: str | Path, cwd: Path = ROOT, log: str = "log", **env: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose stderr goes to ``log`` in ``cwd`` and whose standard output is ours to read."""
    with (cwd / log).open("w") as told:
        process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=told, text=True, cwd=cwd, env={**os.environ, **env}
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(40)
            if process.stdout:
                process.stdout.close()


@contextmanager
def shipped(place: Path, configuration: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """``prober serve`` as it ships: the process, and the port it will answer on."""
    (port,) = free_ports(1)
    command = (BIN / "prober", "serve", "--config", configuration, "--listen", f"127.0.0.1:{port}")
    with started(*command, cwd=place) as process:
        yield process, port


@contextmanager
def serving(place: Path, configuration: Path, **env: str) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """``prober serve`` that writes down what it measures: the process, its port, and the file it writes at its end."""
    record = place / "record"
    command = (sys.executable, Path(__file__).with_name("serving.py"), configuration, record)
    with started(*command, cwd=place, **env) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"the prober did not start:\n{(place / 'log').read_text()[-2000:]}")
        yield process, int(line.rpartition(":")[2]), record


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in taken]


def fetch(port: int, path: str, timeout_s: float = 30.0) -> bytes:
    """What the server on ``port`` answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def until(holds: Callable[[], object], what: str, within_s: float = 60.0, every_s: float = 0.02) -> None:
    """Wait until it holds; a server that is not there yet does not hold."""
    end = time.monotonic() + within_s
    while True:
        try:
            if holds():
                return
        except (OSError, ValueError):
            pass
        if time.monotonic() > end:
            raise SystemExit(f"it did not come to pass within {within_s:g} s that {what}")
        time.sleep(every_s)
