"""A service that takes what is posted, on a real socket, and misbehaves when told to; shaped like Slack's webhooks."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar


@dataclass(frozen=True)
class Posted:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Any
    """The JSON; empty where it was none."""
    raw: bytes = b""
    method: str = "POST"


@dataclass(frozen=True)
class Answer:
    """What the next request is told."""

    status: int
    body: bytes = b"no"
    headers: Mapping[str, str] = field(default_factory=dict)


class Receiver:
    """What was posted, and what to answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.posted: list[Posted] = []
        self.answers: deque[Answer] = deque()
        """Given to the next requests, one each; then comes ``always``."""
        self.always = Answer(200, b"ok")
        self.hung_paths: set[str] = set()
        """Requests to these wait until ``open`` is set."""
        self.open = threading.Event()
        self._arrived = threading.Condition()

    def take(self, posted: Posted) -> Answer:
        with self._arrived:
            self.posted.append(posted)
            self._arrived.notify_all()
            answer = self.answers.popleft() if self.answers else self.always
        if posted.path in self.hung_paths:
            self.open.wait()
        return answer

    def wait_for(self, count: int, timeout_s: float = 20.0) -> list[Posted]:
        """The first ``count`` requests, once they have come."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.posted) >= count, timeout_s), f"only {len(self.posted)} came"
            return self.posted[:count]


Kind = TypeVar("Kind", bound=Receiver)


@contextmanager
def receiver(make: Callable[[str], Kind] = Receiver) -> Iterator[Kind]:  # type: ignore[assignment]
    """A running Receiver on a free port of loopback; ``url`` has no trailing slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        service = make(f"http://127.0.0.1:{server.server_address[1]}")
        server.RequestHandlerClass = _handler(service.take)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            service.open.set()
            server.shutdown()
            thread.join()


def _json(text: bytes) -> Any:
    try:
        return json.loads(text or b"{}")
    except ValueError:
        return {}


def _handler(take: Callable[[Posted], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            text = self.rfile.read(length)
            if len(text) < length:  # its sender died on the way: no service takes half a request
                self.close_connection = True
                return
            self._answer(take(Posted(self.path, dict(self.headers), _json(text), text, self.command)))

        def do_PATCH(self) -> None:
            self.do_POST()

        def do_PUT(self) -> None:
            self.do_POST()

        def do_GET(self) -> None:
            self._answer(take(Posted(self.path, dict(self.headers), {})))

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            with suppress(ConnectionError):  # who asked may have given up
                self.end_headers()
                self.wfile.write(answer.body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler
