"""The web's process: it serves what its prober says over the lines, and the past out of the store on its own.

Run with the number of a socket's descriptor, over which comes all it needs; it ends with its prober.
"""

from __future__ import annotations

import pickle
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

from prober.app.logs import configure_logs
from prober.app.running.forks import die_with_parent
from prober.app.webside.far import far_view
from prober.app.webside.lines import COUNT, Lines
from prober.app.webside.setting import HEAD_BYTES, Setting
from prober.history import History
from prober.secret import Redactor
from prober.store import open_store
from prober.web import WebServer, create_app


def main() -> None:
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal means the prober, which says when it is over
    control = socket.socket(fileno=int(sys.argv[1]))
    setting, sockets = _told(control)
    listener, *lines = sockets
    configure_logs(Redactor(setting.secrets), setting.log_format, setting.log_level)
    with ThreadPoolExecutor(COUNT, "far") as later:
        view = far_view(Lines(lines), setting.region, setting.has, _history(setting), later)
        server = WebServer(create_app(view, setting.web), setting.web)
        server.serve(listener, lambda: control.recv(1))


def _told(control: socket.socket) -> tuple[Setting, list[socket.socket]]:
    head, descriptors, _, _ = socket.recv_fds(control, HEAD_BYTES, COUNT + 1, socket.MSG_WAITALL)
    with control.makefile("rb") as file:
        setting: Setting = pickle.loads(file.read(int.from_bytes(head)))  # noqa: S301  of our own prober
    return setting, [socket.socket(fileno=number) for number in descriptors]


def _history(setting: Setting) -> History | None:
    """Read here, so that what people look at costs the probing process nothing."""
    if setting.store is None:
        return None
    return History(open_store(setting.store, exclusive=False, wait=False))


if __name__ == "__main__":
    main()
