"""A small certificate authority, and servers' TLS contexts that are right or wrong in one respect."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

DAY = timedelta(days=1)


class Authority:
    """Issues certificates for ``localhost`` and writes what a client needs to ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self.pem = self._ca.cert_pem.bytes()
        Path(self.ca_file).write_bytes(self.pem)

    def good(self, name: str = "localhost", **settings: ssl.TLSVersion) -> ssl.SSLContext:
        return _context(self._ca.issue_cert(name), **settings)

    def expired(self) -> ssl.SSLContext:
        now = datetime.now(UTC)
        return _context(self._ca.issue_cert("localhost", not_before=now - 3 * DAY, not_after=now - DAY))

    def not_yet(self) -> ssl.SSLContext:
        return _context(self._ca.issue_cert("localhost", not_before=datetime.now(UTC) + DAY))

    def wrong_host(self) -> ssl.SSLContext:
        return _context(self._ca.issue_cert("other.example"))

    def unknown_authority(self) -> ssl.SSLContext:
        return _context(trustme.CA().issue_cert("localhost"))

    def missing_intermediate(self) -> ssl.SSLContext:
        leaf = self._ca.create_child_ca().issue_cert("localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pem = self._folder / "lonely.pem"
        pem.write_bytes(leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes())
        context.load_cert_chain(pem)
        return context

    def demanding(self, **settings: ssl.TLSVersion) -> ssl.SSLContext:
        """Wants a certificate of the client."""
        context = self.good(**settings)
        context.verify_mode = ssl.CERT_REQUIRED
        self._ca.configure_trust(context)
        return context

    def client_file(self) -> str:
        """A PEM file with a client's certificate and key."""
        path = self._folder / "client.pem"
        self._ca.issue_cert("client.example").private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)


def _context(certificate: trustme.LeafCert, **settings: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    for name, value in settings.items():
        setattr(context, name, value)
    return context
