"""The web server's thread: uvicorn on a loop of its own, so that a scrape never runs on the probing one."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from prober.config.web import is_loopback
from prober.web.auth.door import LOOPBACK
from prober.web.listening import listen
from prober.web.tls import LOOK_EVERY_S, Certificate

MOST_CONNECTIONS = 256
KEEP_ALIVE_S = 75  # longer than the usual scrape interval, so that Prometheus keeps its connection
HEADER_BYTES = 16 * 1024
_FORCED_S = 1.0  # what uvicorn may take once it is told to hurry


class WebServer:
    """Serves ``app`` at ``host``:``port``, over TLS by ``tls``; port 0 takes a free one, which ``port`` then tells."""

    def __init__(self, app: ASGIApp, host: str, port: int, tls: Certificate | None = None) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._tls = tls
        self._listener: socket.socket | None = None
        self._loopback = False
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @classmethod
    def at(cls, app: ASGIApp, listener: socket.socket, tls: Certificate | None = None) -> WebServer:
        """One that serves what comes to ``listener``, which somebody else has bound."""
        host, port, *_ = listener.getsockname()
        server = cls(app, host, port, tls)
        server._listener = listener
        return server

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return self._port

    @property
    def loopback(self) -> bool:
        """Whether it listens where only this machine can ask, once started."""
        return self._loopback

    def start(self) -> None:
        """Listen and serve. Raises UserFault when the address cannot be had."""
        listener = self._listener or listen(self._host, self._port)
        address, self._port, *_ = listener.getsockname()
        self._loopback = is_loopback(address)
        serving = threading.Event()
        self._server = _Server(_config(_Told(self._app, self._loopback), self._tls), serving.set)
        self._thread = threading.Thread(target=self._run, args=(self._server, listener), name="web", daemon=True)
        self._thread.start()
        serving.wait()

    def stop(self, grace_s: float) -> None:
        """Stop listening, let running answers end for at most ``grace_s`` seconds, and close every connection."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(grace_s)
        if self._thread.is_alive():
            self._server.abort()
            self._thread.join(_FORCED_S)

    @staticmethod
    def _run(server: _Server, listener: socket.socket) -> None:
        with listener:
            asyncio.run(server.serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """uvicorn's server, telling when it listens and when it ends, and able to drop its connections.

    Answers that go on for long find an Event of its end in their scope, as ``state["ending"]``.
    """

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending = self.lifespan.state["ending"] = asyncio.Event()
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending.set()
        await super().shutdown(sockets)

    def abort(self) -> None:
        """Drop every connection, from another thread: what is left unsent is what nobody reads."""
        with suppress(RuntimeError):  # the loop has just come to its end
            self._loop.call_soon_threadsafe(self._drop)

    def _drop(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class _Told:
    """Tells the app whether it is bound to loopback, by the address that was got: what was asked for may be a name."""

    def __init__(self, app: ASGIApp, loopback: bool) -> None:
        self._app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[LOOPBACK] = self._loopback
        await self._app(scope, receive, send)


def _config(app: ASGIApp, tls: Certificate | None) -> uvicorn.Config:
    async def refresh() -> None:
        if tls is not None:
            tls.refresh()

    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        loop="asyncio",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        h11_max_incomplete_event_size=HEADER_BYTES,
        ssl_context_factory=(lambda *_: tls.context) if tls else None,
        callback_notify=refresh if tls else None,
        timeout_notify=LOOK_EVERY_S,
    )
