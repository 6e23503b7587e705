"""Runs the shop: for `prober shop` until a signal, for tests and `prober demo` in a thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import uvicorn

from prober.demo.app import create_app

_SHUTDOWN_GRACE_S = 1


def serve(host: str, port: int) -> None:
    """Run a shop until SIGINT or SIGTERM, printing its address once. Raises `OSError` when the address is taken."""
    with _listen(host, port) as listener, suppress(KeyboardInterrupt):
        click.echo(f"EventChain Tickets (demo shop): {_url(listener)}")
        _server(None).run(sockets=[listener])


@contextmanager
def running(host: str = "127.0.0.1", port: int = 0, database: Path | None = None) -> Iterator[str]:
    """A shop in a thread of its own for as long as the block lasts; yields its base URL. Port 0 takes a free one."""
    with _listen(host, port) as listener:
        server = _server(database)
        # The socket listens already: a client that is faster than the thread waits in the backlog.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="demo-shop", daemon=True)
        thread.start()
        try:
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join()


def _server(database: Path | None) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            create_app(database),
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_SHUTDOWN_GRACE_S,
        )
    )


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
