"""Which addresses may be dialled.

An IPv6 address can carry an IPv4 one inside (IPv4-mapped, NAT64 of RFC 6052 and 8215, 6to4, Teredo), so every
address is judged together with what it carries. Names are never judged: the address that is dialled is.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from prober.faults import ProbeError
from prober.model import Reason

Address = IPv4Address | IPv6Address

_LINK_LOCAL = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))
# Where clouds answer with credentials: AWS on IPv6, Alibaba, Oracle's older one, Azure's wire server, Google on IPv6.
_METADATA = (
    IPv6Network("fd00:ec2::/32"),
    IPv4Network("100.100.100.200/32"),
    IPv4Network("192.0.0.192/32"),
    IPv4Network("168.63.129.16/32"),
    IPv6Network("fd20:ce::254/128"),
)
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")


def guard(address: str, *, allow_link_local: bool, after_public: bool) -> None:
    """Pass when ``address`` may be dialled; ``after_public`` says that a public address redirected to it.

    Raises ProbeError(address_blocked) for link-local and metadata addresses, and for private ones after public ones.
    """
    for meant in _meanings(ip_address(address)):
        if not allow_link_local and _within(meant, (*_LINK_LOCAL, *_METADATA)):
            raise ProbeError(
                Reason.ADDRESS_BLOCKED, f"{address} is a link-local or metadata address; allow_link_local is not set"
            )
        if after_public and not _public(meant):
            raise ProbeError(Reason.ADDRESS_BLOCKED, f"redirected from a public address to the private {address}")


def is_public(address: str) -> bool:
    """Whether ``address``, and any address inside it, belongs to the public Internet."""
    return all(map(_public, _meanings(ip_address(address))))


def _meanings(address: Address) -> Iterator[Address]:
    if isinstance(address, IPv4Address):
        yield address
        return
    inner = list(_carried(address))
    yield from inner
    # A mapped or translated address is where its IPv4 part is; the wrapper adds nothing of its own.
    if not inner:
        yield address


def _carried(address: IPv6Address) -> Iterator[IPv4Address]:
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address.sixtofour:
        yield address.sixtofour
    elif address.teredo:
        yield from address.teredo
    elif _within(address, _NAT64) or (address in _COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)


def _within(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)


def _public(address: Address) -> bool:
    return address.is_global and not address.is_multicast
