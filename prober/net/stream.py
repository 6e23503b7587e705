"""Bytes to and from a connected socket, plain or under TLS.

TLS runs over memory buffers, not a transport, because only so can the chain of a peer be read whose certificate
was refused: OpenSSL keeps what was sent, verified or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from prober.faults import ProbeError
from prober.model import Certificate, Reason
from prober.net.certificates import read_certificate
from prober.net.tls import TlsOptions

PIECE_BYTES = 64 * 1024
CERTIFICATES = 10

_LABELS = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}
_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_T = TypeVar("_T")


class Stream:
    """A connected, non-blocking socket. No method has a time limit of its own."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None

    async def secure(self, context: ssl.SSLContext, name: str) -> None:
        """Shake hands, with ``name`` asked for and, where ``context`` says so, verified. Raises OSError."""
        self._tls = tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        await self._drive(tls.do_handshake)

    async def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        tls = self._tls
        if tls is None:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        else:
            await self._drive(lambda: tls.write(data))

    async def receive(self) -> bytes:
        """What has arrived, at least one byte; nothing at the end of the stream."""
        tls = self._tls
        if tls is None:
            return await asyncio.get_running_loop().sock_recv(self._socket, PIECE_BYTES)
        try:
            return await self._drive(lambda: tls.read(PIECE_BYTES))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def close(self) -> None:
        """Give the socket up; nothing is said to the peer."""
        self._socket.close()

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """What the peer sent, leaf first; also when it was refused."""
        if self._tls is None:
            return ()
        sent = _sent_chain(self._tls)[:CERTIFICATES]
        return tuple(filter(None, map(read_certificate, sent)))

    @property
    def spoken(self) -> tuple[str, str] | None:
        """TLS version and cipher once hands were shaken."""
        version, cipher = (self._tls.version(), self._tls.cipher()) if self._tls else (None, None)
        return (_LABELS.get(version, version), cipher[0]) if version and cipher else None

    async def _drive(self, step: Callable[[], _T]) -> _T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                self._feed(await asyncio.get_running_loop().sock_recv(self._socket, PIECE_BYTES))
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # our alert; the peer may be gone
                    await self._flush()
                raise
            else:
                await self._flush()
                return result

    def _feed(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)


def _sent_chain(tls: ssl.SSLObject) -> list[bytes]:
    """The peer's chain in DER; public only since Python 3.13, so before that the object inside is asked."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    inner: Any = getattr(tls, "_sslobj")  # noqa: B009  typeshed knows no such attribute
    return [certificate.public_bytes(2) for certificate in inner.get_unverified_chain() or ()]


def tls_context(options: TlsOptions) -> ssl.SSLContext:
    """A context for ``options``, made once per content of its files. Raises ProbeError(internal) for unusable ones."""
    files = (options.authorities, options.cert_file, options.key_file)
    try:
        changed = tuple(Path(file).stat().st_mtime_ns for file in files if file)
        return _made(options, changed)
    except OSError as error:
        raise ProbeError(Reason.INTERNAL, f"the check's TLS files cannot be used: {error}") from None


@lru_cache(maxsize=64)
def _made(options: TlsOptions, changed: tuple[int, ...]) -> ssl.SSLContext:
    # Takes some 30 ms; a change of the files makes another one.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = options.verify
    context.verify_mode = ssl.CERT_REQUIRED if options.verify else ssl.CERT_NONE
    context.minimum_version = _VERSIONS[options.min_version]
    if options.min_version < "1.2":
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_verify_locations(options.authorities)
    if options.cert_file:
        context.load_cert_chain(options.cert_file, options.key_file)
    return context
