"""``host:port`` as users write it, the port optional where a protocol has its own."""

from __future__ import annotations

from prober.net.names import ascii_host, joined


def read_place(text: str, port: int | None = None) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[ipv6]:port``; ``port`` where none is written. Raises ValueError."""
    text = text.strip()
    host, colon, written = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if port is not None and (not colon or text.endswith("]") or (":" in host and not bracketed)):
        return ascii_host(text.strip("[]")), port
    if not colon or not (written.isascii() and written.isdigit()) or not 0 < int(written) < 65_536:
        raise ValueError('expected "host:port" or "[ipv6]:port", with a port from 1 to 65535')
    if ":" in host and not bracketed:
        raise ValueError('an IPv6 address needs brackets: "[::1]:443"')
    return ascii_host(host[1:-1] if bracketed else host), int(written)


def shown_place(text: str, port: int | None = None) -> str:
    """``text`` in the one spelling that there is of it. Raises ValueError."""
    return joined(*read_place(text, port))
