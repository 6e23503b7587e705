"""Where a browser was when it asked: pages elsewhere can have it ask us too, and names elsewhere can lead to us."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from prober.config.web import is_loopback

READING = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS = {"http": 80, "https": 443}


def host_is_loopback(asked: HTTPConnection) -> bool:
    """Whether it was asked for as this machine: a name that a stranger owns can lead here too (DNS rebinding)."""
    try:
        parts = urlsplit(f"//{asked.headers.get('host', '')}")
        return is_loopback(parts.hostname or "") and "@" not in parts.netloc
    except ValueError:
        return False


def from_elsewhere(asked: HTTPConnection, public_url: str | None) -> bool:
    """Whether a browser says that another site's page had it ask. What is no browser says nothing."""
    site = asked.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = asked.headers.get("origin")
    if origin is None:
        return False
    ours = {_place(f"{urlsplit(origin).scheme}://{asked.headers.get('host', '')}"), _place(public_url or "")}
    # By host and port alone: of the scheme a proxy that ends TLS tells us nothing.
    return _place(origin) not in ours - {None}


def _place(url: str) -> tuple[str, int] | None:
    """Host and port; None for what is no web address, such as the origin ``null``."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname.lower(), port) if parts.hostname and port else None
