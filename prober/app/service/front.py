"""The web side of a running prober: where it listens, who serves there, and who may ask."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from prober.app.targets import Place
from prober.app.webside import Configured, Setting, WebSide
from prober.config import Loaded, Web
from prober.config.web import is_loopback
from prober.log import Log
from prober.web import View, listen
from prober.web.tls import Certificate

TO_OPEN = "set web.auth (users, tokens or oidc; docs/operating.md), or listen on loopback"

_log = Log(__name__)


class Serving(Protocol):
    """Who serves."""

    async def start(self) -> None:
        """Begin."""
        ...

    async def answering(self) -> None:
        """Wait until it answers."""
        ...

    def adopt(self, web: Web) -> None:
        """Go by the ``auth`` and ``public_url`` of ``web``."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Let running answers end for at most ``grace_s`` seconds, and close every connection."""
        ...


class Apart:
    """A process of its own, which finds out by itself what has changed."""

    def __init__(self, side: WebSide) -> None:
        self._side = side
        self.start = side.start
        self.answering = side.answering
        self.stop = side.stop

    def adopt(self, web: Web) -> None:
        """Nothing: it asks."""


class Within:
    """A thread of this process."""

    def __init__(self, web: Web, certificate: Certificate | None, view: View, listener: socket.socket) -> None:
        from prober.web import WebServer, create_app
        from prober.web.auth import Access

        self._access = Access(web, view.clock)
        app = create_app(view, self._access, hsts_s=web.tls.hsts if web.tls else 0.0)
        self._server = WebServer.at(app, listener, certificate)

    async def start(self) -> None:
        self._server.start()

    async def answering(self) -> None:
        """It does, from its start."""

    def adopt(self, web: Web) -> None:
        self._access.adopt(web)

    async def stop(self, grace_s: float) -> None:
        await asyncio.to_thread(self._server.stop, grace_s)


@dataclass(slots=True)
class Front:
    """Serves from its start to its stop; a reload changes who may ask, and nothing else."""

    web: Web
    host: str
    port: int
    loopback: bool
    serving: Serving

    @classmethod
    def open(
        cls,
        loaded: Loaded,
        view: View,
        host: str,
        port: int,
        configured: Callable[[str], Configured | None],
        environ: Mapping[str, str],
    ) -> Front:
        """Listening, and not yet answering.

        Raises UserFault for an address or a certificate that cannot be had, and for what is not installed.
        """
        web = loaded.config.web
        require(web)
        certificate = Certificate.of(web.tls, loaded.base) if web.tls else None
        listener = listen(host, port)
        address, port, *_ = listener.getsockname()
        serving: Serving
        if web.apart:
            serving = Apart(WebSide(view, configured, _setting(loaded, view), listener, environ))
        else:
            serving = Within(web, certificate, view, listener)
        return cls(web, host, port, is_loopback(address), serving)

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.web.tls else 'http'}://{host}:{self.port}"

    async def start(self) -> None:
        """Answer."""
        await self.serving.start()
        auth = self.web.auth
        if auth is None and not self.loopback:
            _log.warning("nobody can log in: only metrics, health and public status pages are served", to_open=TO_OPEN)
        elif auth is not None and not self.loopback and not _secure(self.web):
            _log.warning("passwords and tokens travel without TLS", to_mend="set web.tls, or an https web.public_url")
        if auth is not None and auth.session_key is None and (auth.users or auth.oidc):
            _log.info("log-ins end with a restart: web.auth.session_key is not set")

    def adopt(self, web: Web) -> bool:
        """Go by the ``auth`` and ``public_url`` of ``web``; whether that is all that is new in it."""
        self.serving.adopt(_with_auth_of(self.web, web))
        return _with_auth_of(web, self.web) == self.web


def configured_of(loaded: Loaded, place: Place) -> Configured:
    """What the web of a prober at ``place`` goes by of ``loaded``."""
    config = loaded.config
    return Configured(
        digest=loaded.digest,
        web=config.web,
        windows=config.maintenance,
        fine_s=config.store.history,
        retention_s=config.store.retention,
        secrets=loaded.secrets,
        here=frozenset(check.id for check in config.checks if place.runs(check)),
        checks=config.checks,
    )


def require(web: Web) -> None:
    """Raise UserFault where ``web`` asks for what is not installed."""
    if web.auth is not None and web.auth.oidc is not None:
        from prober.web.auth.provider import require as require_oidc

        require_oidc()


def _setting(loaded: Loaded, view: View) -> Setting:
    store, logs = loaded.config.store, loaded.config.logs
    place = loaded.base / store.path if store.url is None else store.url
    return Setting(view.region, loaded.base, place, loaded.config.web, frozenset(), logs)


def _secure(web: Web) -> bool:
    return web.tls is not None or (web.public_url or "").startswith("https:")


def _with_auth_of(web: Web, other: Web) -> Web:
    return web.model_copy(update={"auth": other.auth, "public_url": other.public_url})
