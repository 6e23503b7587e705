"""URLs in the one spelling that every party reads alike: ASCII, no user, no fragment, host in lower case."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from prober.net import ascii_host, joined

PORTS = {"http": 80, "https": 443}

_PATH_SAFE = "!$&'()*+,/:;=@~%"
_QUERY_SAFE = _PATH_SAFE + '?[]|"\\^`{}'  # sent as written: servers are known to read these raw


class UnusableScheme(ValueError):
    """A URL of a scheme that is never opened."""


@dataclass(frozen=True, slots=True)
class Url:
    """A URL and its parts; ``text`` is what goes to the server."""

    text: str
    scheme: str
    host: str
    """A name or an IPv4 address; an IPv6 address without brackets."""
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """What two URLs share when they speak to the same party (RFC 6454)."""
        return self.scheme, self.host, self.port

    @property
    def place(self) -> str:
        """Host and port for people."""
        return joined(self.host, self.port)


def read_url(text: str) -> Url:
    """``text`` as a Url: names in IDNA 2008, everything else percent-encoded, user and fragment left out.

    Raises ValueError for what is no absolute http or https URL, UnusableScheme for other schemes.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in PORTS:
        raise UnusableScheme(f"{parts.scheme or 'no scheme'}: is not http or https")
    host = ascii_host(parts.hostname or "")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    if not port:
        raise ValueError("port 0 cannot be connected to")
    netloc = f"[{host}]" if ":" in host else host
    if port != PORTS[parts.scheme]:
        netloc += f":{port}"
    query = f"?{quote(parts.query, safe=_QUERY_SAFE)}" if parts.query else ""
    return Url(f"{parts.scheme}://{netloc}{quote(parts.path or '/', safe=_PATH_SAFE)}{query}", parts.scheme, host, port)
