"""What this machine itself lacks when nothing can be reached."""

from __future__ import annotations

import errno
import os
import socket


def has_route(address: str) -> bool:
    """Whether this machine knows any route to ``address``; sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError as error:
        return error.errno not in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True


def out_of_files() -> bool:
    """Whether no descriptor is left, which libraries report as a peer that cannot be reached."""
    try:
        os.close(os.dup(0))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False
