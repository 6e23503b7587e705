"""The one-time codes of authenticator apps."""

from __future__ import annotations

import base64
import hmac
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prober.secret import Secret


def totp(key: str | Secret, *, digits: int = 6, period_s: int = 30, at_s: float | None = None) -> str:
    """The code of RFC 6238 (SHA-1) for a base32 ``key`` as a log-in page shows it, now or ``at_s`` seconds after 1970.

    Spaces, dashes and lower case in the key do not matter. Raises ValueError for a key that is not base32.
    """
    text = (key if isinstance(key, str) else key.reveal()).translate({ord(" "): None, ord("-"): None}).upper()
    try:
        secret = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        raise ValueError("totp: the key is not base32") from None
    moment = int((time.time() if at_s is None else at_s) // period_s)
    digest = hmac.digest(secret, moment.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return str(number)[-digits:].zfill(digits)
