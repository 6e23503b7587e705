"""How a check speaks TLS, and whom it trusts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from prober.faults import classify_verification
from prober.model import Failure, Reason, Strict

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",
)
_UNNAMED = (0, 1)  # libcurl compares names itself; OpenSSL's own result then says nothing


class TlsOptions(Strict):
    """How TLS is spoken with a target, and when it is trusted."""

    verify: bool = True
    """false accepts any certificate; expiry is still measured."""
    ca_file: str | None = None
    """A PEM file of the authorities to trust instead of the system's."""
    cert_file: str | None = None
    """A PEM file with the client certificate to show, and its chain."""
    key_file: str | None = None
    """A PEM file with the client certificate's key; the certificate's file when missing."""
    min_version: Literal["1.0", "1.1", "1.2", "1.3"] = "1.2"
    """The lowest TLS version to agree to; below 1.2 also old ciphers are allowed."""
    server_name: str | None = None
    """The name to ask for and to verify instead of the target's own."""

    @model_validator(mode="after")
    def _key_needs_certificate(self) -> TlsOptions:
        if self.key_file and not self.cert_file:
            raise ValueError("key_file needs cert_file")
        return self

    @property
    def authorities(self) -> str:
        """The path of the CA bundle to trust."""
        return self.ca_file or ca_bundle()


@lru_cache(maxsize=1)
def ca_bundle() -> str:
    """The path of the system's CA bundle, else of the one that came with certifi; the environment has no say."""
    if found := next((path for path in _BUNDLES if Path(path).is_file()), None):
        return found
    import certifi

    return certifi.where()


def failed_verification(code: int, host: str, message: str) -> Failure:
    """What OpenSSL's verification result ``code`` means for ``host``; ``message`` is the library's own words."""
    if code in _UNNAMED and ("subject name" in message or "hostname" in message.lower()):
        return Failure(Reason.TLS_HOSTNAME, f"the certificate is not for {host}: {message}")
    reason = classify_verification(code)
    return Failure(reason, f"certificate of {host} not accepted: {message or reason} (OpenSSL {code})")
