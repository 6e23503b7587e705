"""The web side of a running prober: its server, who may ask it, and by which certificate it answers."""

from __future__ import annotations

from dataclasses import dataclass

from prober.clock import Clock
from prober.config import Loaded, Web
from prober.log import Log
from prober.web import View, WebServer, create_app
from prober.web.auth import Access
from prober.web.auth.provider import require as require_oidc
from prober.web.tls import Certificate

TO_OPEN = "set web.auth (users, tokens or oidc; docs/operating.md), or listen on loopback"

_log = Log(__name__)


@dataclass(slots=True)
class Front:
    """Serves from its start to its stop; a reload changes who may ask, and nothing else."""

    web: Web
    access: Access
    server: WebServer
    host: str

    @classmethod
    def open(cls, loaded: Loaded, view: View, host: str, port: int, clock: Clock) -> Front:
        """Made ready. Raises UserFault for a certificate that cannot be used, and for what is not installed."""
        web = loaded.config.web
        require(web)
        access = Access(web, clock)
        app = create_app(view, access, hsts_s=web.tls.hsts if web.tls else 0.0)
        return cls(web, access, WebServer(app, host, port, _certificate(loaded)), host)

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.web.tls else 'http'}://{host}:{self.server.port}"

    def start(self) -> None:
        """Listen. Raises UserFault for an address that cannot be had."""
        self.server.start()
        if self.web.auth is None and not self.server.loopback:
            _log.warning("nobody can log in: only metrics, health and public status pages are served", to_open=TO_OPEN)
        elif self.web.auth is not None and not self.server.loopback and not self.access.rules.secure:
            _log.warning("passwords and tokens travel without TLS", to_mend="set web.tls, or an https web.public_url")
        if self.web.auth is not None and self.web.auth.session_key is None and self.access.rules.people:
            _log.info("log-ins end with a restart: web.auth.session_key is not set")

    def adopt(self, web: Web) -> bool:
        """Go by the ``auth`` and ``public_url`` of ``web``; whether that is all that is new in it."""
        self.access.adopt(_with_auth_of(self.web, web))
        return _with_auth_of(web, self.web) == self.web


def require(web: Web) -> None:
    """Raise UserFault where ``web`` asks for what is not installed."""
    if web.auth is not None and web.auth.oidc is not None:
        require_oidc()


def _with_auth_of(web: Web, other: Web) -> Web:
    return web.model_copy(update={"auth": other.auth, "public_url": other.public_url})


def _certificate(loaded: Loaded) -> Certificate | None:
    tls, base = loaded.config.web.tls, loaded.base
    if tls is None:
        return None
    return Certificate(
        base / tls.cert_file, base / tls.key_file, base / tls.client_ca_file if tls.client_ca_file else None
    )
