"""Local stand-ins for the services that alerts go to: they take, refuse, dawdle, and hang up after they have taken."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

CHANNELS: dict[str, str] = {
    "alertmanager": '{{kind: alertmanager, urls: ["{url}"]}}',
    "discord": '{{kind: discord, webhook_url: "{url}/api/webhooks/1/token"}}',
    "ntfy": '{{kind: ntfy, url: "{url}", topic: ops}}',
    "opsgenie": '{{kind: opsgenie, url: "{url}/v2/alerts", api_key: key}}',
    "pagerduty": '{{kind: pagerduty, url: "{url}/v2/enqueue", routing_key: key}}',
    "slack": '{{kind: slack, webhook_url: "{url}/services/T0/B0/token"}}',
    "teams": '{{kind: teams, url: "{url}/workflows/1"}}',
    "telegram": '{{kind: telegram, token: "123:token", chat_id: "-1001", api_url: "{url}"}}',
    "webhook": '{{kind: webhook, url: "{url}/hook"}}',
}
"""Every kind of channel that speaks HTTP to an address of one's own, as it is configured."""
SAID = {
    "discord": b'{"id": "42"}',
    "pagerduty": b'{"status": "success"}',
    "slack": b"ok",
    "telegram": b'{"ok": true, "result": {"message_id": 7}}',
}
_INCIDENT = re.compile(r"\b[0-9a-f]{16}\b")


@dataclass(frozen=True)
class Taken:
    """One notice that a service has taken."""

    channel: str
    incident: str
    kind: str
    """trigger or resolve."""
    key: str
    """What the service itself tells repetitions by; the incident and kind where it does not."""
    at: float = field(default_factory=time.time)


@dataclass
class Services:
    """All of them behind one port, a path each."""

    url: str
    rng: random.Random
    unwell: bool = True
    taken: list[Taken] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    hung_up: Counter[str] = field(default_factory=Counter)
    """By channel: notices that were taken without an answer, though nobody was killed."""
    on_take: Callable[[], None] | None = None
    """Called once, after the next notice was taken and before that is answered."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes] | None:
        """Status and body of the answer; None to hang up."""
        channel = path.split("/")[1]
        with self._lock:
            mood = self.rng.random() if self.unwell else 1.0
        if mood < 0.08:
            self.injected["refused"] += 1
            return 503, b"later"
        if mood < 0.16:
            self.injected["dawdled"] += 1
            time.sleep(0.4)  # a slow service is what is tried here
        # A message that is changed tells nobody anything: its channel gets another one for that.
        arrived = [] if method == "PATCH" else [*_read(channel, path, headers, body)]
        with self._lock:
            self.taken += arrived
            struck, self.on_take = (self.on_take, None) if arrived else (None, self.on_take)
        if struck is not None:
            struck()
            return None
        if 0.16 <= mood < 0.24:
            self.injected["hung up"] += 1
            self.hung_up[channel] += bool(arrived)
            return None
        return 200, SAID.get(channel, b"{}")


def _read(channel: str, path: str, headers: Any, body: bytes) -> Iterator[Taken]:
    said: Any = json.loads(body)
    if channel == "alertmanager":
        for alert in said:
            over = datetime.fromisoformat(alert["endsAt"].replace("Z", "+00:00")) <= datetime.now(UTC)
            kind, incident = "resolve" if over else "trigger", alert["annotations"]["incident"]
            yield Taken(channel, incident, kind, json.dumps([alert["labels"], alert["startsAt"], kind]))
        return
    found = _INCIDENT.search(f"{unquote(path)} {body.decode()}")
    if found:
        kind = "resolve" if _is_over(channel, path, said, body) else "trigger"
        alias = said.get("alias") or unquote(path).split("/")[-2]
        key = {
            "webhook": headers.get("Idempotency-Key"),
            "pagerduty": f"{said.get('dedup_key')} {kind}",
            "opsgenie": f"{alias} {kind}",
        }.get(channel)
        yield Taken(channel, found[0], kind, key or f"{found[0]} {kind}")


def _is_over(channel: str, path: str, said: Any, body: bytes) -> bool:
    if channel == "webhook":
        return bool(said["kind"] == "resolve")
    if channel == "pagerduty":
        return bool(said["event_action"] == "resolve")
    return "/close" in path or b"p again" in body


@contextmanager
def services(rng: random.Random) -> Iterator[Services]:
    """Running ones on a free port of loopback."""
    with serving(lambda handler: _answer(handler, running)) as url:
        running = Services(url, rng)
        yield running


def _answer(handler: BaseHTTPRequestHandler, running: Services) -> None:
    length = int(handler.headers.get("Content-Length", 0))
    body = handler.rfile.read(length)
    said = running.take(handler.command, handler.path, handler.headers, body) if len(body) == length else None
    if said is None:
        handler.close_connection = True
        return
    respond(handler, *said)


def respond(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"") -> None:
    """Answer, if anybody is still there."""
    with suppress(ConnectionError):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """An HTTP server whose every request goes to ``answer``; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with suppress(ConnectionError):
                answer(self)

        do_GET = do_PATCH = do_POST  # noqa: N815 - names that http.server looks for

        def log_message(self, *args: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
