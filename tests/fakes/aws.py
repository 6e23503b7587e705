"""An AWS that is strict where moto is lenient, and fails on demand: CloudWatch, CloudWatch Logs and roles to assume.

It speaks what boto3 sends, and refuses all else: for CloudWatch JSON 1.0 or CBOR (gzip or not), for Logs JSON 1.1, for
STS forms.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from botocore.parsers import RpcV2CBORParser

from fakes.aws_rules import RETENTIONS, Datum, flaw_of_events, flaw_of_metrics, rejected

Answer = tuple[int, str, bytes]  # status, AWS's name of the fault, the body: AWS's own one of a fault when empty

PUT_METRICS = "GraniteServiceVersion20100801.PutMetricData"
LOGS = "Logs_20140328."
THROTTLED: Answer = (400, "ThrottlingException", b"")
BROKEN: Answer = (500, "InternalFailure", b"")
KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}

_ROLE = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token-of-{key}</SessionToken>
<Expiration>{expires}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
_DENIED = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"


class Refusal(Exception):
    """A request that AWS would not take."""

    def __init__(self, code: str, why: str = "", status: int = 400) -> None:
        self.answer: Answer = (status, code, json.dumps({"__type": code, "message": f"{code}: {why}"}).encode())
        super().__init__(f"{code}: {why}")


@dataclass
class LogGroup:
    """A log group with the events of its streams."""

    retention_days: int | None = None
    streams: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class FakeAws:
    """What was taken, what was refused, and how it is told to misbehave."""

    def __init__(self) -> None:
        self.url = ""
        self.taken: list[Datum] = []
        self.groups: dict[str, LogGroup] = {}
        self.requests: list[dict[str, Any]] = []
        self.flaws: list[str] = []
        """Why requests were refused, in AWS's words and the rule's."""
        self.answers: deque[Answer] = deque()
        """Given to the next requests, one each; then requests are judged by what they hold."""
        self.loses_answers = 0
        """So many requests are taken, but their connection ends before the answer."""
        self.refuses: Callable[[Datum], bool] = lambda _: False
        self.forbids: set[str] = set()
        """Operations of Logs that are denied."""
        self.roles: dict[str, str] = {}
        """What roles ask for as external id, by ARN."""
        self.keys_expire = "2099-01-01T00:00:00Z"
        self.open = threading.Event()
        """While this is not set, requests wait for their answer."""
        self.open.set()
        self._arrived = threading.Condition()
        self._assumed = 0

    def wait_for_requests(self, count: int, timeout_s: float = 20.0) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, timeout_s), "no request came"

    def events(self, group: str) -> list[dict[str, Any]]:
        """All events of ``group``, stream by stream."""
        return [event for events in self.groups[group].streams.values() for event in events]

    def answer(self, path: str, headers: Any, body: bytes) -> Answer | None:
        """None for an answer that gets lost."""
        zipped = headers.get("Content-Encoding") == "gzip"
        plain = gzip.decompress(body) if zipped else body
        if headers["Content-Type"].startswith("application/x-www-form-urlencoded"):
            return self._assume({name: value[0] for name, value in parse_qs(plain.decode()).items()})
        if headers.get("Smithy-Protocol") == "rpc-v2-cbor":
            target, document = ".".join(path.split("/")[2::2]), from_cbor(plain)
        else:
            target, document = headers["X-Amz-Target"], json.loads(plain)
        operation = target.rpartition(".")[2]
        with self._arrived:
            self.requests.append(
                {
                    "operation": operation,
                    "content": headers["Content-Type"],
                    "zipped": zipped,
                    "wire_bytes": len(body),
                    "plain_bytes": len(plain),
                    "data": len(document.get("MetricData", ())),
                    "body": document,
                    "key": re.findall(r"Credential=([^/]+)/", headers["Authorization"])[0],
                    "token": headers.get("X-Amz-Security-Token"),
                }
            )
            self._arrived.notify_all()
            prepared = self.answers.popleft() if self.answers else None
        self.open.wait()
        if prepared:
            return prepared
        try:
            answer = self._do(target, headers["Content-Type"], operation, document, len(plain))
        except Refusal as refusal:
            self.flaws.append(str(refusal))
            return refusal.answer
        if self.loses_answers:
            self.loses_answers -= 1
            return None
        return 200, "", json.dumps(answer).encode()

    def _do(self, target: str, content: str, operation: str, document: dict[str, Any], size: int) -> dict[str, Any]:
        if target == PUT_METRICS and content in ("application/x-amz-json-1.0", "application/cbor"):
            self._put_metrics(document, size)
            return {}
        if target.startswith(LOGS) and content == "application/x-amz-json-1.1":
            if operation in self.forbids:
                raise Refusal("AccessDeniedException", operation)
            return self._logs(operation, document) or {}
        raise Refusal("UnknownOperationException", f"{target} as {content}")

    def _put_metrics(self, document: dict[str, Any], size: int) -> None:
        flaw = flaw_of_metrics(document, size)
        if flaw or any(map(self.refuses, document["MetricData"])):
            raise Refusal("InvalidParameterValue", flaw or "as told")
        self.taken += document["MetricData"]

    def _logs(self, operation: str, document: dict[str, Any]) -> dict[str, Any] | None:
        name, stream = document["logGroupName"], document.get("logStreamName", "-")
        if not re.fullmatch(r"[.\-_/#A-Za-z0-9]{1,512}", name) or not re.fullmatch(r"[^:*]{1,512}", stream):
            raise Refusal("InvalidParameterException", "name")
        if operation == "CreateLogGroup":
            if name in self.groups:
                raise Refusal("ResourceAlreadyExistsException")
            self.groups[name] = LogGroup()
            return None
        if name not in self.groups:
            raise Refusal("ResourceNotFoundException", "group")
        group = self.groups[name]
        if operation == "PutRetentionPolicy":
            if document["retentionInDays"] not in RETENTIONS:
                raise Refusal("InvalidParameterException", "retention")
            group.retention_days = document["retentionInDays"]
        elif operation == "CreateLogStream":
            if stream in group.streams:
                raise Refusal("ResourceAlreadyExistsException")
            group.streams[stream] = []
        elif operation == "PutLogEvents":
            return self._put_events(group, stream, document["logEvents"])
        return None

    def _put_events(self, group: LogGroup, stream: str, events: list[dict[str, Any]]) -> dict[str, Any]:
        if stream not in group.streams:
            raise Refusal("ResourceNotFoundException", "stream")
        if flaw := flaw_of_events(events):
            raise Refusal("InvalidParameterException", flaw)
        info = rejected(events, group.retention_days)
        first = max(info.get("tooOldLogEventEndIndex", 0), info.get("expiredLogEventEndIndex", 0))
        group.streams[stream] += events[first : info.get("tooNewLogEventStartIndex", len(events))]
        return {"nextSequenceToken": "0", **({"rejectedLogEventsInfo": info} if info else {})}

    def _assume(self, form: dict[str, str]) -> Answer:
        known = self.roles.get(form["RoleArn"])
        if form["Action"] != "AssumeRole" or known is None or form.get("ExternalId", "") != known:
            return 403, "AccessDenied", _DENIED.encode()
        self._assumed += 1
        return 200, "", _ROLE.format(key=f"ASSUMED{self._assumed}", expires=self.keys_expire).encode()


def from_cbor(body: bytes) -> dict[str, Any]:
    """A request as its JSON would be."""
    document: dict[str, Any] = RpcV2CBORParser()._initial_body_parse(body)
    for datum in document["MetricData"]:
        datum["Timestamp"] = datum["Timestamp"].timestamp()
    return document


def to_cbor(answer: dict[str, str]) -> bytes:
    """A map of short texts: what CloudWatch says of a request."""
    texts = [text.encode()[:255] for pair in answer.items() for text in pair]
    return bytes([0xA0 + len(answer)]) + b"".join(b"\x78" + bytes([len(text)]) + text for text in texts)


@contextmanager
def fake_aws() -> Iterator[FakeAws]:
    """A running fake on a port of its own."""
    fake = FakeAws()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = fake.answer(self.path, self.headers, body)
            if answer is None:
                self.close_connection = True
                return
            status, code, raw = answer
            text = raw or (json.dumps({"__type": code, "message": f"{code}!"}).encode() if code else b"")
            self.send_response(status)
            kind = "text/xml" if text.startswith(b"<") else "application/x-amz-json-1.0"
            if self.headers.get("Smithy-Protocol"):
                text, kind = to_cbor(json.loads(text or b"{}")), "application/cbor"
                self.send_header("Smithy-Protocol", "rpc-v2-cbor")
            self.send_header("Content-Type", kind)
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


def use_keys(monkeypatch: Any) -> None:
    """Credentials from the environment and from nowhere else."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
