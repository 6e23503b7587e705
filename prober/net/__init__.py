"""What lies between a name and a connection: resolving it, guarding the address, dialling, and the facts of TLS."""

from __future__ import annotations

from prober.net.certificates import prepare, read_certificate
from prober.net.dial import dial, failed_connect
from prober.net.echo import Echo, EchoReply
from prober.net.guard import guard, is_public
from prober.net.knock import Knock
from prober.net.machine import has_route, out_of_files
from prober.net.names import ascii_host, joined, literal
from prober.net.place import read_place, shown_place
from prober.net.resolver import Family, Net, Resolution
from prober.net.stream import Stream, tls_context
from prober.net.tls import TlsOptions, ca_bundle, failed_verification

__all__ = [
    "Echo",
    "EchoReply",
    "Family",
    "Knock",
    "Net",
    "Resolution",
    "Stream",
    "TlsOptions",
    "ascii_host",
    "ca_bundle",
    "dial",
    "failed_connect",
    "failed_verification",
    "guard",
    "has_route",
    "is_public",
    "joined",
    "literal",
    "out_of_files",
    "prepare",
    "read_certificate",
    "read_place",
    "shown_place",
    "tls_context",
]
