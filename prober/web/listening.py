"""Where the web side listens."""

from __future__ import annotations

import errno
import socket

from prober.faults import UserFault


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises UserFault when the address cannot be had."""
    place = f"{f'[{host}]' if ':' in host else host}:{port}"
    if not 0 <= port <= 65_535:  # the resolver would take it modulo 65,536
        raise UserFault(f"cannot listen on {place}: ports go from 0 to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address, family=family, backlog=128)
    except UnicodeError:
        raise UserFault(f"cannot listen on {place}: that is no host name") from None
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, str(error.errno))
        raise UserFault(f"cannot listen on {place}: {error.strerror} ({code})") from error
