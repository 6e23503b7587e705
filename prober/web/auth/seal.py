"""What browsers keep for us: signed, for one purpose, until a time."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

LONGEST = 4_096  # what browsers keep of a cookie
_ENDS = "ends_at"


class Seal:
    """Signs by HMAC-SHA256 (RFC 2104) with keys that are derived from ``key``, another for each purpose."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, purpose: str, *parts: str) -> str:
        """What only we can say of ``parts``, in hex. As JSON they cannot run into each other."""
        return self._sign(purpose, json.dumps(parts).encode()).hex()

    def write(self, purpose: str, fields: Mapping[str, Any], ends_at: float) -> str:
        """``fields`` as a text that only we can have written, for a cookie."""
        body = json.dumps({**fields, _ENDS: ends_at}, separators=(",", ":")).encode()
        return f"{_encode(body)}.{_encode(self._sign(purpose, body))}"

    def read(self, purpose: str, text: str, now: float) -> Mapping[str, Any] | None:
        """The fields of what we wrote for this purpose and has not ended; None for anything else."""
        if len(text) > LONGEST:
            return None
        first, _, second = text.partition(".")
        body, signature = _decode(first), _decode(second)
        if not hmac.compare_digest(self._sign(purpose, body), signature):
            return None
        fields: dict[str, Any] = json.loads(body)  # ours, so that it can be read
        return fields if fields[_ENDS] > now else None

    def _sign(self, purpose: str, body: bytes) -> bytes:
        key = hmac.digest(self._key, f"prober web: {purpose}".encode(), hashlib.sha256)
        return hmac.digest(key, body, hashlib.sha256)


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """Nothing for what we would not have written: no signature is as short."""
    try:
        data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return b""
    return data if _encode(data) == text else b""
