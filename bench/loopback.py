"""What the benches start on loopback: the timed target, the prober, and blackbox_exporter. All of it ends with them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SEARCHED = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
BLACKBOX = "modules: {http: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}}\n"


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


def config(place: Path, urls: Sequence[str], interval: str) -> Path:
    """A configuration in ``place`` with an http check for each of ``urls``."""
    lines = [f"defaults: {{interval: {interval}, timeout: {'1s' if interval == '1s' else '5s'}}}", "checks:"]
    lines += [f"  - {{id: check-{number:05}, kind: http, url: '{url}'}}" for number, url in enumerate(urls)]
    path = place / "probes.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def started(*command: str | Path, cwd: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    """A process whose log goes to ``log`` in ``cwd`` and whose standard output is ours to read."""
    with (cwd / "log").open("w") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=log, text=True, cwd=cwd)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(40)
            if process.stdout:
                process.stdout.close()


@contextmanager
def serving(place: Path, configuration: Path) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """``prober serve`` that writes down what it measures: the process, its port, and the file it writes at its end."""
    record = place / "record"
    with started(sys.executable, Path(__file__).with_name("serving.py"), configuration, record, cwd=place) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"the prober did not start:\n{(place / 'log').read_text()[-2000:]}")
        yield process, int(line.rpartition(":")[2]), record


@contextmanager
def blackbox(place: Path) -> Iterator[int | None]:
    """blackbox_exporter's port; None where it is not installed, which is said."""
    program = shutil.which("prometheus-blackbox-exporter", path=SEARCHED) or shutil.which("blackbox_exporter")
    if program is None:
        print("no blackbox_exporter to compare with: apt-get install prometheus-blackbox-exporter", file=sys.stderr)
        yield None
        return
    (place / "blackbox.yml").write_text(BLACKBOX)
    port = free_port()
    listen = f"--web.listen-address=127.0.0.1:{port}"
    with started(program, f"--config.file={place / 'blackbox.yml'}", listen, cwd=place):
        until(lambda: fetch(port, "/-/healthy") is not None, "blackbox_exporter answers")
        yield port


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def fetch(port: int, path: str, timeout_s: float = 30.0) -> bytes:
    """What the server on ``port`` answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def until(holds: Callable[[], bool], what: str, within_s: float = 60.0, every_s: float = 0.02) -> None:
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
