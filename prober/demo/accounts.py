"""The two demo accounts, published on the log-in page, and the second factor of one of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass

_STEP_S = 30


@dataclass(frozen=True)
class Account:
    """A demo customer; `totp_key` (base32) asks for a second factor."""

    email: str
    passphrase: str
    name: str
    totp_key: str | None = None


ACCOUNTS = (
    Account("demo@eventchain.example", "tickets-please", "Demo Customer"),
    Account("mfa@eventchain.example", "tickets-please-twice", "Careful Customer", "EVENTCHAINDEMOTOTPSEED23"),
)


def find_account(email: str) -> Account | None:
    """The account of an email address, whatever its case."""
    return next((account for account in ACCOUNTS if account.email == email.strip().lower()), None)


def authenticate(email: str, passphrase: str) -> Account | None:
    """The account, if both fit."""
    account = find_account(email)
    if account is None or not hmac.compare_digest(account.passphrase.encode(), passphrase.encode()):
        return None
    return account


def totp(key: str, at_s: float) -> str:
    """The six-digit code of a base32 key at a Unix time (RFC 6238 with SHA-1 and 30 s steps, over RFC 4226)."""
    digest = hmac.digest(base64.b32decode(key), struct.pack(">Q", int(at_s) // _STEP_S), hashlib.sha1)
    offset = digest[-1] & 0x0F
    return f"{(struct.unpack_from('>I', digest, offset)[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def code_fits(account: Account, code: str, now_s: float) -> bool:
    """Whether a code is right now, or was or will be one step away (RFC 6238 section 5.2)."""
    # A code may be used twice: the key is published, and monitors in several regions log in within one step.
    if account.totp_key is None:
        return True
    typed = code.replace(" ", "").encode()
    steps = (totp(account.totp_key, now_s + drift * _STEP_S).encode() for drift in (-1, 0, 1))
    return any(hmac.compare_digest(step, typed) for step in steps)
