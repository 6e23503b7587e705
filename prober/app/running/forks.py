"""The fork server as the prober sees it."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping

from prober.secret import Secret

END_S = 2.0
KEPT = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "RES_OPTIONS", "LOCALDOMAIN"})
KEPT_KINDS = ("LC_", "LD_", "PYTHON", "SSL_CERT_", "OPENSSL_", "MALLOC_")


class Forks:
    """Starts engine processes by a fork server, which is started when it is first needed and whenever it is gone."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def open(self) -> socket.socket:
        """Start the server, which takes its time to load; returns the way to it. Raises OSError."""
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            command = (sys.executable, "-P", "-m", "prober.app.running.forkserver", str(theirs.fileno()))
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, env=self._environ, pass_fds=(theirs.fileno(),)
            )
        self._control = ours
        return ours

    def start(self, line: socket.socket) -> None:
        """Start an engine process at the other end of ``line``. Raises OSError."""
        control = self._control
        if control is None or self._process is None or self._process.poll() is not None:
            control = self.open()
        socket.send_fds(control, [b"+"], [line.fileno()])

    def close(self) -> None:
        """End the server, and with it every engine process that still runs."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
            self._process.kill()
            self._process.wait()
        self._process = self._control = None


def die_with_parent() -> None:
    """Have the kernel end this process with the one that started it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)


def open_environment(environ: Mapping[str, str], secrets: Iterable[Secret]) -> dict[str, str]:
    """As much of ``environ`` as the machinery below us reads; what checks need an engine process is told on its line.

    What is no secret now may become one by a reload, so that what is kept is listed, and not what is left out.
    """
    values = [secret.reveal() for secret in secrets]
    return {
        name: value
        for name, value in environ.items()
        if (name in KEPT or name.startswith(KEPT_KINDS)) and not any(secret in value for secret in values if secret)
    }
