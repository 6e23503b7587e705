"""Starts engine processes as copies of one that has loaded all they need: in milliseconds, sharing its memory.

Run with the number of a socket's descriptor; for every byte that comes with a descriptor one more process is started,
with that descriptor as its line to the prober. It ends with the prober, and its processes with it.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from importlib import import_module

from prober.app.logs import configure_logs
from prober.app.running.forks import die_with_parent
from prober.app.running.worker import work
from prober.engine import APART
from prober.faults import describe
from prober.log import Log
from prober.probes import KINDS
from prober.secret import Redactor

_log = Log(__name__)


def main() -> None:
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that nobody has to wait for those that end
    configure_logs(Redactor())  # until an assignment says how; nothing secret is known before
    for kind in sorted(KINDS.built_in.keys() - APART):
        import_module(KINDS[kind])
    gc.freeze()  # or the copies' collectors would touch, and so copy, every page
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        word, lines, _, _ = socket.recv_fds(control, 1, 1)
        if not word:
            return
        for line in lines:
            _start(line, control)


def _start(line: int, control: socket.socket) -> None:
    try:
        if os.fork() == 0:
            control.close()
            _become_engine(line)
    except OSError as error:  # the prober notices by the end of the line, and tries again
        _log.error("no engine process can be started", error=describe(error))
    os.close(line)


def _become_engine(line: int) -> None:
    """Never returns."""
    status = 1
    try:
        die_with_parent()
        work(socket.socket(fileno=line))
        status = 0
    finally:
        if (error := sys.exception()) is not None:
            _log.error("an engine process broke off", exc_info=error)
        os._exit(status)


if __name__ == "__main__":
    main()
