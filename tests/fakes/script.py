"""A raw TCP server that plays a script to whoever connects."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

CRLF = b"\r\n"


@dataclass(slots=True)
class Session:
    """One connection a script is played to."""

    connection: socket.socket
    stopped: threading.Event
    heads: list[bytes]
    heard: threading.Event
    left: threading.Event


Act = Callable[[Session], None]
Script = Iterable[Act]


class Over(Exception):
    """The script has ended the connection."""


def hear(session: Session) -> None:
    """Read one HTTP request, its body too where it says how long it is."""
    heard = b""
    while CRLF * 2 not in heard:
        piece = session.connection.recv(65536)
        if not piece:
            raise Over
        heard += piece
    head, _, body = heard.partition(CRLF * 2)
    length = next((int(v) for k, _, v in _fields(head) if k.lower() == b"content-length"), 0)
    while len(body) < length:
        body += session.connection.recv(65536)
    session.heads.append(head + CRLF * 2 + body)
    session.heard.set()


def _fields(head: bytes) -> Iterable[tuple[bytes, bytes, bytes]]:
    return (line.partition(b":") for line in head.split(CRLF)[1:])


def listen(session: Session) -> None:
    """Read whatever comes, once."""
    if not session.connection.recv(65536):
        raise Over
    session.heard.set()


def send(data: bytes) -> Act:
    return lambda session: session.connection.sendall(data)


def drip(data: bytes, every_s: float, piece: int = 1) -> Act:
    """Send ``data`` a piece at a time."""

    def act(session: Session) -> None:
        for at in range(0, len(data), piece):
            session.connection.sendall(data[at : at + piece])
            if session.stopped.wait(every_s):
                raise Over

    return act


def pause(seconds: float) -> Act:
    """Take ``seconds`` before what comes next: the time a slow server needs."""

    def act(session: Session) -> None:
        session.stopped.wait(seconds)

    return act


def forever(data: bytes) -> Act:
    """Send ``data`` again and again, as fast as it is taken."""

    def act(session: Session) -> None:
        while not session.stopped.is_set():
            session.connection.sendall(data)

    return act


def stall(session: Session) -> None:
    """Say nothing more, but stay until the peer leaves."""
    while session.connection.recv(65536):
        pass
    session.left.set()
    raise Over


def reset(session: Session) -> None:
    """Close with RST instead of FIN."""
    session.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Over


def fin(session: Session) -> None:
    """Say that nothing more comes, without the alert that TLS would have."""
    raise Over


def answer(body: bytes = b"", status: str = "200 OK", *headers: bytes) -> bytes:
    """A whole, honest HTTP/1.1 response."""
    fields = CRLF.join((*headers, f"Content-Length: {len(body)}".encode()))
    return f"HTTP/1.1 {status}\r\n".encode() + fields + CRLF * 2 + body


def redirect(location: str, status: str = "302 Found", *headers: bytes) -> bytes:
    return answer(b"", status, f"Location: {location}".encode(), *headers)


@dataclass(slots=True)
class Server:
    """Plays ``script`` to every connection; a function is asked for the script with what was heard first."""

    script: Script | Callable[[bytes], Script]
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    heads: list[bytes] = field(default_factory=list)
    """The requests that were heard."""
    accepted: int = 0
    port: int = 0
    heard: threading.Event = field(default_factory=threading.Event)
    """Set once a peer has said something, or a whole request."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set once a peer left a server that stalls."""
    _stopped: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _open: set[socket.socket] = field(default_factory=set)

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family, backlog=512)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stopped.set()
        assert self._listener is not None
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    @property
    def place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, path: str = "/", host: str | None = None) -> str:
        return f"{'https' if self.tls else 'http'}://{f'{host}:{self.port}' if host else self.place}{path}"

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        try:
            # A peer that gives up in the middle is no fault of the script.
            with contextlib.suppress(Over, OSError):
                if self.tls:
                    self._open.discard(connection)
                    connection = self.tls.wrap_socket(connection, server_side=True)
                    self._open.add(connection)
                self._play(Session(connection, self._stopped, self.heads, self.heard, self.left))
        finally:
            self._open.discard(connection)
            connection.close()

    def _play(self, session: Session) -> None:
        script = self.script
        if callable(script):
            hear(session)
            script = script(session.heads[-1])
        for act in script:
            act(session)


def http(*acts: Act | bytes) -> Callable[[bytes], Script]:
    """A server that hears a request and then plays ``acts``; bytes are sent."""
    script = [send(act) if isinstance(act, bytes) else act for act in acts]
    return lambda _head: script


def site(pages: dict[str, bytes]) -> Callable[[bytes], Script]:
    """A server with one answer for each path, and 404 for all others."""

    def script(head: bytes) -> Script:
        path = head.split(b" ", 2)[1].decode()
        return [send(pages.get(path, answer(b"not here", "404 Not Found")))]

    return script
