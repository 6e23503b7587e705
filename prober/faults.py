"""What can go wrong, by who caused it.

ProberFault
├── UserFault            what the user did: one line on stderr, exit 2
│   └── ConfigFault      ... in the configuration: every error at once
├── ProbeError           what the target did, or we did, while measuring: becomes a Result with its reason
└── DeliveryFault        what a notified or fed service did
    ├── Retryable        later may go better; ``after_s`` where the service said when
    └── Permanent        trying again cannot help
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any

from prober.model import Reason


class ProberFault(Exception):
    """The root of everything this package raises on purpose."""


class UserFault(ProberFault):
    """Something the user can mend; its text is one line that says what and how."""


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One mistake in a configuration: where, what, and what to do about it."""

    path: str
    """The place in the document, such as ``checks[3].expect.status``."""
    message: str
    line: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.path}: {self.message}{hint}" if self.path else f"{place}{self.message}{hint}"


class ConfigFault(UserFault):
    """A configuration that cannot be used, with all its errors."""

    def __init__(self, source: str, errors: list[ConfigError]) -> None:
        self.source = source
        self.errors = errors
        super().__init__("\n".join(f"{source}: {error}" for error in errors))


class ProbeError(ProberFault):
    """A run that did not complete. ``facts`` holds what was seen until then."""

    def __init__(self, reason: Reason, message: str, *, facts: dict[str, Any] | None = None) -> None:
        self.reason = reason
        self.message = message
        self.facts = facts or {}
        super().__init__(message)


class DeliveryFault(ProberFault):
    """A service did not take what it was sent."""


class Retryable(DeliveryFault):
    """It may work later; ``after_s`` is the wait the service itself asked for, in seconds."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        self.after_s = after_s
        super().__init__(message)


class Permanent(DeliveryFault):
    """It will not work however often it is tried."""


_ERRNO = {
    errno.ECONNREFUSED: Reason.CONNECT_REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ETIMEDOUT: Reason.CONNECT_TIMEOUT,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.EMFILE: Reason.FD_EXHAUSTED,
    errno.ENFILE: Reason.FD_EXHAUSTED,
    errno.ENOMEM: Reason.OUT_OF_MEMORY,
    errno.EADDRNOTAVAIL: Reason.NO_LOCAL_ROUTE,
}

# X.509 verification results of OpenSSL (openssl/x509_vfy.h); libcurl reports the same numbers.
_VERIFY = {
    9: Reason.TLS_NOT_YET,
    10: Reason.TLS_EXPIRED,
    62: Reason.TLS_HOSTNAME,
    64: Reason.TLS_HOSTNAME,
}


def classify_verification(code: int) -> Reason:
    """The reason behind OpenSSL's verification result ``code`` (not 0)."""
    return _VERIFY.get(code, Reason.TLS_UNTRUSTED)


def classify(fault: BaseException) -> Reason:
    """The reason behind an exception met while talking to a target; ``internal`` for what is none of its doing."""
    import asyncio  # here: the command line names faults too, and both take a while
    import ssl

    if isinstance(fault, ProbeError):
        return fault.reason
    if isinstance(fault, ssl.SSLCertVerificationError):
        return classify_verification(fault.verify_code)
    if isinstance(fault, ssl.SSLError):
        return Reason.TLS_HANDSHAKE
    if isinstance(fault, TimeoutError | asyncio.CancelledError):
        return Reason.TIMEOUT
    if isinstance(fault, MemoryError):
        return Reason.OUT_OF_MEMORY
    if isinstance(fault, OSError) and fault.errno in _ERRNO:
        return _ERRNO[fault.errno]
    return Reason.INTERNAL


def describe(fault: BaseException) -> str:
    """One line for people; never empty, since ``str(TimeoutError())`` is."""
    text = " ".join(str(fault).split())
    return (text or type(fault).__name__)[:500]
