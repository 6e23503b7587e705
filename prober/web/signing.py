"""Links that prove themselves: who has one was sent it in a notice. They open a page that asks, nothing more."""

from __future__ import annotations

import hashlib
import hmac

ACTIONS = {"ack": "Acknowledge", "silence": "Silence for 1 h"}


def incident_links(public_url: str, key: bytes, incident_id: str) -> tuple[tuple[str, str], ...]:
    """(label, URL) of the pages to acknowledge and to silence an incident."""
    base = public_url.rstrip("/")
    return tuple(
        (label, f"{base}/incidents/{incident_id}/{action}?sig={signature(key, action, incident_id)}")
        for action, label in ACTIONS.items()
    )


def signature(key: bytes, action: str, incident_id: str) -> str:
    """HMAC-SHA256 (RFC 2104) over both, in hex."""
    return hmac.new(key, f"{action}:{incident_id}".encode(), hashlib.sha256).hexdigest()


def holds(key: bytes, action: str, incident_id: str, given: str) -> bool:
    """Whether ``given`` is the signature; takes the same time whatever is wrong with it."""
    return hmac.compare_digest(signature(key, action, incident_id).encode(), given.encode("utf-8", "replace"))
