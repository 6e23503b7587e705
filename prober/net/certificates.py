"""Certificates as a peer sent them, read into plain values."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from prober.model import Certificate

if TYPE_CHECKING:
    from cryptography import x509

SANS_KEPT = 100
LARGEST_BYTES = 256 * 1024


def prepare() -> None:
    """Load what reads certificates, which takes a tenth of a second: before the first probe, not within it."""
    from cryptography import x509  # noqa: F401


@lru_cache(maxsize=4096)
def read_certificate(encoded: bytes) -> Certificate | None:
    """The facts of one certificate in PEM or DER; None for bytes that are none.

    Names are RFC 4514 strings, the serial number is hex of its bytes, as blackbox_exporter shows them.
    """
    from cryptography import x509

    if len(encoded) > LARGEST_BYTES:
        return None
    try:
        pem = encoded.lstrip().startswith(b"-----BEGIN")
        certificate = x509.load_pem_x509_certificate(encoded) if pem else x509.load_der_x509_certificate(encoded)
        return _facts(certificate)
    except ValueError:
        return None


def _facts(certificate: x509.Certificate) -> Certificate:
    from cryptography.hazmat.primitives.hashes import SHA256

    number = certificate.serial_number
    return Certificate(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        sans=_sans(certificate),
        serial=number.to_bytes((number.bit_length() + 7) // 8 or 1).hex(),
        fingerprint_sha256=certificate.fingerprint(SHA256()).hex(),
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
    )


def _sans(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)[:SANS_KEPT]
