"""TLS for what is served: certificate and key from files, read again when they change."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from prober.config.web import WebTls
from prober.faults import UserFault
from prober.log import Log

LOOK_EVERY_S = 10
ALPN = ("http/1.1",)

_log = Log(__name__)


@dataclass(slots=True)
class Certificate:
    """The context that connections begin with. Those that are open keep what they began with."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    context: ssl.SSLContext = field(init=False)
    _stamp: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Raises UserFault where the files are no certificate and its key."""
        self._stamp = self._look()
        self.context = self._load()

    @classmethod
    def of(cls, tls: WebTls, base: Path) -> Certificate:
        """The one of a configuration in ``base``. Raises UserFault."""
        authority = base / tls.client_ca_file if tls.client_ca_file else None
        return cls(base / tls.cert_file, base / tls.key_file, authority)

    def refresh(self) -> bool:
        """Take up files that have changed, and say whether that was done. Wrong ones are logged, once."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._load()  # tried elsewhere first: half of a new pair would serve nobody
            _load_pair(self.context, self.cert_file, self.key_file)
        except UserFault as fault:
            _log.error("the old certificate stays in use", error=str(fault))
            return False
        _log.info("the certificate was read again", file=str(self.cert_file))
        return True

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(list(ALPN))
        _load_pair(context, self.cert_file, self.key_file)
        if self.client_ca_file is not None:
            _load_authorities(context, self.client_ca_file)
        return context

    def _look(self) -> tuple[object, ...]:
        """What tells that a file may have changed, without reading it."""
        return tuple(map(_stamp, (self.cert_file, self.key_file)))


def _load_pair(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    for name, file in (("cert_file", cert_file), ("key_file", key_file)):
        _require(name, file)
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
    except _PassphraseError:
        raise UserFault(f"web.tls: {key_file} wants a passphrase; write it without one") from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UserFault(f"web.tls: {key_file} is not the key of {cert_file}") from None
        raise UserFault(f"web.tls: {cert_file} and {key_file} are no certificate and key in PEM") from None


def _load_authorities(context: ssl.SSLContext, file: Path) -> None:
    _require("client_ca_file", file)
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        raise UserFault(f"web.tls: {file} holds no certificates in PEM") from None
    context.verify_mode = ssl.CERT_REQUIRED


def _require(name: str, file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise UserFault(f"web.tls.{name}: {file} cannot be read: {error.strerror}") from None


class _PassphraseError(Exception):
    pass


def _no_passphrase() -> str:
    """OpenSSL would ask on the terminal."""
    raise _PassphraseError


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
