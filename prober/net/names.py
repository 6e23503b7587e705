"""Host names as DNS and TLS spell them, and addresses in every spelling that the system would take for one."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv6Address, ip_address

import idna

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_.])?")


def ascii_host(host: str) -> str:
    """``host`` in lower case and IDNA 2008. Raises ValueError for what is neither a name nor an address."""
    if not host:
        raise ValueError("the host is missing")
    if ":" in host:
        address = IPv6Address(host)
        if address.scope_id:
            raise ValueError("an address with a zone cannot be asked")
        return str(address)
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError as error:
            raise ValueError(f"not a host name: {error}") from None
    if not _HOST.fullmatch(host.lower()):
        raise ValueError(f"not a host name: {host[:100]!r}")
    return host.lower()


def literal(host: str) -> str | None:
    """The address that ``host`` spells, also in the decimal, octal and hex forms of inet_aton(3); None for a name."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        pass
    last = host.removesuffix(".").rpartition(".")[2]
    if not (last.isdigit() or last.lower().startswith("0x")):
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
    except OSError:
        return None


def joined(host: str, port: int) -> str:
    """``host:port``, with brackets where the host is an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
