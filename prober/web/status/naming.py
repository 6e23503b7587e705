"""What the public calls what has names of its own here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def public_id(page: str, *parts: object) -> str:
    """Always the same for the same, and telling nothing of what it is called here."""
    return hashlib.sha256("\0".join(map(str, (page, *parts))).encode()).hexdigest()[:16]


def listed(names: Sequence[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
