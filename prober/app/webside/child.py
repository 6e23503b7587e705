"""The web's process: it serves what its prober says over the lines, and the past out of the store on its own.

Run with the number of a socket's descriptor, over which comes all it needs; it ends with its prober.
"""

from __future__ import annotations

import pickle
import signal
import socket
import sys
from contextlib import suppress

from prober.app.logs import configure_logs
from prober.app.running.forks import die_with_parent
from prober.app.webside.far import FarConfig, far_view
from prober.app.webside.later import Later
from prober.app.webside.lines import COUNT, VITAL, Lines
from prober.app.webside.setting import HEAD_BYTES, SERVING, Setting
from prober.clock import SystemClock
from prober.faults import Retryable
from prober.history import History
from prober.secret import Redactor
from prober.store import open_store
from prober.web import WebServer, create_app
from prober.web.auth import Access
from prober.web.tls import Certificate

GRACE_S = 5.0
LOOK_EVERY_S = 2.0
"""How often is asked whether the configuration has changed, at least."""


def main() -> None:
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal means the prober, which says when it is over
    control = socket.socket(fileno=int(sys.argv[1]))
    setting, (listener, later, *sockets) = _told(control)
    vital, lines, clock = Lines(sockets[:VITAL]), Lines(sockets[VITAL:]), SystemClock()
    config = FarConfig(lines)
    _open_log(setting, config)
    store = open_store(setting.store, exclusive=False, wait=False)
    history = History(
        store,
        lambda: config.now.checks,
        windows=lambda: config.now.windows,
        fine_s=lambda: config.now.fine_s,
        clock=clock,
    )
    access = Access(config.now.web, clock)
    tls = setting.web.tls
    view = far_view(lines, vital, Later(later), setting, config, store, history)
    app = create_app(view, access, hsts_s=tls.hsts if tls else 0.0)
    server = WebServer.at(app, listener, Certificate.of(tls, setting.base) if tls else None)
    server.start()
    control.sendall(SERVING)
    _follow(control, setting, config, access)
    server.stop(GRACE_S)


def _told(control: socket.socket) -> tuple[Setting, list[socket.socket]]:
    head, descriptors, _, _ = socket.recv_fds(control, HEAD_BYTES, COUNT + 2)
    with control.makefile("rb") as file:
        setting: Setting = pickle.loads(file.read(int.from_bytes(head)))  # noqa: S301  of our own prober
    return setting, [socket.socket(fileno=number) for number in descriptors]


def _open_log(setting: Setting, config: FarConfig) -> None:
    configure_logs(Redactor(config.now.secrets), setting.logs.format, setting.logs.level)


def _follow(control: socket.socket, setting: Setting, config: FarConfig, access: Access) -> None:
    """Take up what changes until the prober has hung up."""
    control.settimeout(LOOK_EVERY_S)
    while True:
        try:
            control.recv(1)
            return
        except TimeoutError:
            with suppress(Retryable):
                if config.refresh():
                    _open_log(setting, config)  # without what is secret now
                    access.adopt(config.now.web)


if __name__ == "__main__":
    main()
