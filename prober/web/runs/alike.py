"""What differs from run to run and means nothing: ids in addresses, numbers in texts."""

from __future__ import annotations

import re

from prober.panels import split_url

_NUMBER = re.compile(r"[0-9a-f]{8,}|\d+", re.IGNORECASE)
_ID = re.compile(r"[0-9a-fA-F]{8,}|[A-Z0-9]{6,}|\d+")


def place(url: str) -> str:
    """Where ``url`` leads, without ids and query: ``/orders/*``."""
    parts = split_url(url)
    return _ID.sub("*", parts.path or url)


def plain(text: str) -> str:
    """``text`` without its numbers."""
    return _NUMBER.sub("*", text)
