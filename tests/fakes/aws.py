"""A CloudWatch that is strict where moto is lenient, and fails on demand: PutMetricData over JSON 1.0, gzip or not."""

from __future__ import annotations

import gzip
import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Datum = dict[str, Any]
Answer = tuple[int, str, bytes]  # status, AWS's name of the fault, a body instead of AWS's own

TARGET = "GraniteServiceVersion20100801.PutMetricData"
THROTTLED: Answer = (400, "ThrottlingException", b"")
BROKEN: Answer = (500, "InternalFailure", b"")


class FakeCloudWatch:
    """What was taken, what was refused, and how it is told to misbehave."""

    def __init__(self) -> None:
        self.url = ""
        self.taken: list[Datum] = []
        self.requests: list[dict[str, Any]] = []
        self.answers: deque[Answer] = deque()
        """Given to the next requests, one each; then requests are judged by what they hold."""
        self.refuses: Callable[[Datum], bool] = lambda _: False
        self.open = threading.Event()
        """While this is not set, requests wait for their answer."""
        self.open.set()
        self._arrived = threading.Condition()

    def wait_for_requests(self, count: int, timeout_s: float = 20.0) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, timeout_s), "no request came"

    def answer(self, headers: Any, body: bytes) -> Answer:
        zipped = headers.get("Content-Encoding") == "gzip"
        document = json.loads(gzip.decompress(body) if zipped else body)
        with self._arrived:
            self.requests.append(
                {"zipped": zipped, "wire_bytes": len(body), "data": len(document["MetricData"]), "body": document}
            )
            self._arrived.notify_all()
            prepared = self.answers.popleft() if self.answers else None
        self.open.wait()
        fault = prepared or self._judge(headers, body, document)
        if fault is None:
            self.taken += document["MetricData"]
        return fault or (200, "", b"")

    def _judge(self, headers: Any, body: bytes, document: Any) -> Answer | None:
        if headers["X-Amz-Target"] != TARGET or headers["Content-Type"] != "application/x-amz-json-1.0":
            return 400, "UnknownOperationException", b""
        if len(body) > 1_000_000:
            return 413, "RequestEntityTooLarge", b""
        data = document["MetricData"]
        bad = document["Namespace"].startswith("AWS/") or len(data) > 1000
        return (400, "InvalidParameterValue", b"") if bad or any(map(self._breaks, data)) else None

    def _breaks(self, datum: Datum) -> bool:
        texts = [text for d in datum["Dimensions"] for text in (d["Name"], d["Value"])]
        return (
            self.refuses(datum)
            or not math.isfinite(datum["Value"])
            or abs(datum["Value"]) > 2**360
            or len(datum["Dimensions"]) > 30
            or not 1 <= len(datum["MetricName"]) <= 255
            or not all(text.strip() and text.isascii() and len(text) <= 1024 for text in texts)
            or not time.time() - 14 * 86_400 < datum["Timestamp"] < time.time() + 2 * 3_600
        )


@contextmanager
def fake_cloudwatch() -> Iterator[FakeCloudWatch]:
    """A running fake on a port of its own."""
    fake = FakeCloudWatch()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, code, raw = fake.answer(self.headers, body)
            text = raw or (json.dumps({"__type": code, "message": f"{code}!"}).encode() if code else b"")
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        fake.open.set()
        server.shutdown()
        thread.join()
