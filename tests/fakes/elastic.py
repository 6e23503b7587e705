"""An Elasticsearch over real HTTP that is strict where a lenient fake would let mistakes through.

It takes an index template, documents by the bulk API into data streams that a template is there for, held against its
mappings, and searches whose every part it knows and whose fields are mapped in a way that allows them.
"""

from __future__ import annotations

import gzip
import ipaddress
import json
import re
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON_TYPE = re.compile(r"application/(vnd\.elasticsearch\+json; ?compatible-with=\d+|json)")
NDJSON_TYPE = re.compile(r"application/(vnd\.elasticsearch\+x-ndjson; ?compatible-with=\d+|x-ndjson)")
STREAM = re.compile(r"(logs|metrics|traces|synthetics)-[a-z0-9_.]+-[a-z0-9_.]+")
TEMPLATE_KEYS = {"index_patterns", "data_stream", "priority", "composed_of", "template", "version", "_meta"}
TYPES = {
    "keyword": str,
    "constant_keyword": str,
    "wildcard": str,
    "text": str,
    "long": int,
    "integer": int,
    "double": (int, float),
    "flattened": dict,
}
EXACT = {"keyword", "constant_keyword", "wildcard"}
PARAMETERS = {"type", "ignore_above", "fields"}

Answer = tuple[int, Any]


class FakeElastic:
    """What it holds, what it was asked, and how it is told to misbehave."""

    def __init__(self) -> None:
        self.url = ""
        self.templates: dict[str, dict[str, Any]] = {}
        self.documents: dict[str, dict[str, dict[str, Any]]] = {}
        """By data stream and id."""
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        self.bulks: list[list[str]] = []
        """The ids of each bulk request."""
        self.answers: deque[Answer | None] = deque()
        """Given to the next requests instead of what they deserve, one each; None lets one through."""
        self.items: deque[int] = deque()
        """Statuses of the next documents instead of what they deserve; 0 lets one through."""
        self.lost_answers = 0
        """So many bulk requests are carried out, and the connection then cut."""
        self.max_bytes = 100 * 1024 * 1024
        self.authorization: str | None = None
        self.product = "Elasticsearch"
        self.now = datetime.now(UTC)
        self._arrived = threading.Condition()

    def wait_for_bulks(self, count: int, within_s: float = 20.0) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.bulks) >= count, within_s), self.requests

    @property
    def all(self) -> list[dict[str, Any]]:
        return [document for stream in self.documents.values() for document in stream.values()]

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        path = path.partition("?")[0]
        self.requests.append((method, path, headers))
        if self.authorization is not None and headers.get("Authorization") != self.authorization:
            return fault(401, "security_exception", "unable to authenticate")
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if len(body) > self.max_bytes:
            return fault(413, "content_too_long", "too large")
        prepared = self.answers.popleft() if self.answers else None
        try:
            if path.endswith("/_bulk"):
                return self._bulk(path, headers, body, prepared)
            if prepared is not None:
                return prepared
            assert_that(JSON_TYPE.fullmatch(headers.get("Content-Type", "")), "no JSON")
            if method == "PUT" and path.startswith("/_index_template/"):
                return self._put_template(path.rpartition("/")[2], json.loads(body))
            if method == "POST" and path.endswith("/_search"):
                return 200, self._search(path.split("/")[1], json.loads(body))
        except Refused as refused:
            return fault(400, "illegal_argument_exception", str(refused))
        return fault(405, "method_not_allowed", f"{method} {path}")

    # Templates.

    def _put_template(self, name: str, body: dict[str, Any]) -> Answer:
        assert_that(body.keys() <= TEMPLATE_KEYS, f"unknown fields {body.keys() - TEMPLATE_KEYS}")
        assert_that(body.get("data_stream") == {}, "no data stream")
        assert_that(body.get("priority", 0) > 200, "the priority is below that of built-in templates")
        template = body["template"]
        assert_that(template.keys() <= {"settings", "mappings", "lifecycle"}, "unknown part of the template")
        assert_that(re.fullmatch(r"\d+[dhms]", template["lifecycle"]["data_retention"]), "no retention")
        fields = dict(mapped(template["mappings"]["properties"]))
        assert_that(fields["@timestamp"]["type"] == "date", "no @timestamp")
        self.templates[name] = body
        return 200, {"acknowledged": True}

    def _fields(self, stream: str) -> dict[str, dict[str, Any]] | None:
        for body in self.templates.values():
            if stream in body["index_patterns"]:
                return dict(mapped(body["template"]["mappings"]["properties"]))
        return None

    # Documents.

    def _bulk(self, path: str, headers: Mapping[str, str], body: bytes, prepared: Answer | None) -> Answer | None:
        assert_that(NDJSON_TYPE.fullmatch(headers.get("Content-Type", "")), "no NDJSON")
        assert_that(body.endswith(b"\n"), "The bulk request must be terminated by a newline [\\n]")
        lines = body.decode().split("\n")[:-1]
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        with self._arrived:
            self.bulks.append([json.loads(action)["create"]["_id"] for action, _ in pairs])
            self._arrived.notify_all()
        if prepared is not None:
            return prepared
        stream = path.split("/")[1]
        items = [self._item(stream, json.loads(action), json.loads(source)) for action, source in pairs]
        if self.lost_answers:
            self.lost_answers -= 1
            return None
        return 200, {"took": 1, "errors": any(one["create"]["status"] >= 300 for one in items), "items": items}

    def _item(self, stream: str, action: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
        assert_that(list(action) == ["create"], "only write ops with an op_type of create are allowed in data streams")
        name = action["create"]["_id"]
        status, problem = self._status(stream, name, source)
        item: dict[str, Any] = {"_index": f".ds-{stream}-000001", "_id": name, "status": status}
        if problem:
            item["error"] = {"type": problem, "reason": f"{problem} of {name}"}
        return {"create": item}

    def _status(self, stream: str, name: str, source: dict[str, Any]) -> tuple[int, str]:
        wanted = self.items.popleft() if self.items else 0
        if wanted:
            return wanted, "es_rejected_execution_exception" if wanted == 429 else "prepared_exception"
        fields = self._fields(stream)
        if fields is None or not STREAM.fullmatch(stream):
            return 404, "index_not_found_exception"
        if "@timestamp" not in source or any(flaws(source, fields)):
            return 400, "document_parsing_exception"
        held = self.documents.setdefault(stream, {})
        if name in held:
            return 409, "version_conflict_engine_exception"
        held[name] = source
        return 201, ""

    # Searches.

    def _search(self, stream: str, body: dict[str, Any]) -> dict[str, Any]:
        assert_that(body.keys() <= {"query", "aggs", "size", "sort"}, f"unknown key in {list(body)}")
        fields = self._fields(stream) or {}
        hits = [one for one in self.documents.get(stream, {}).values() if self._matches(body["query"], one, fields)]
        for clause in body.get("sort", ()):
            (name, how), *more = clause.items()
            assert_that(not more and how["order"] in ("asc", "desc"), "a sort names one field and its order")
            hits.sort(key=lambda one, name=name: value_of(one, name), reverse=how["order"] == "desc")
        found: dict[str, Any] = {"hits": {"hits": [{"_source": one} for one in hits[: body.get("size", 10)]]}}
        if "aggs" in body:
            found["aggregations"] = {name: buckets(agg, hits, fields) for name, agg in body["aggs"].items()}
        return found

    def _matches(self, query: dict[str, Any], source: dict[str, Any], fields: dict[str, dict[str, Any]]) -> bool:
        assert_that(len(query) == 1, "a query is an object with one key")
        ((kind, clause),) = query.items()
        if kind == "bool":
            assert_that(clause.keys() <= {"must", "filter"}, f"unknown clause in bool: {list(clause)}")
            return all(self._matches(one, source, fields) for clauses in clause.values() for one in clauses)
        ((name, value),) = clause.items()
        assert_that(name in fields, f"{name} is not mapped, nothing would be found")
        if kind == "range":
            assert_that(value.keys() == {"gte"}, "only gte is known")
            hours = re.fullmatch(r"now-(\d+)h", value["gte"])
            assert_that(hours and fields[name]["type"] == "date", "a range of hours up to now over dates is known")
            return moment(value_of(source, name)) >= self.now - timedelta(hours=int(hours[1]))
        assert_that(kind == "term" and fields[name]["type"] in EXACT, f"no {kind} over {fields[name]['type']} {name}")
        return value_of(source, name) == value


class Refused(Exception):
    """What the real one would answer 400 to."""


def assert_that(holds: Any, otherwise: str) -> None:
    if not holds:
        raise Refused(otherwise)


def fault(status: int, kind: str, reason: str) -> Answer:
    told = {"type": kind, "reason": reason}
    return status, {"error": {"root_cause": [told], **told}, "status": status}


def mapped(properties: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a mapping by its dotted name, subfields too."""
    for name, one in properties.items():
        if "properties" in one:
            assert_that(one.keys() == {"properties"}, f"{before}{name} is an object and a field at once")
            yield from mapped(one["properties"], f"{before}{name}.")
            continue
        assert_that(one["type"] in {*TYPES, "date", "ip"}, f"unknown type {one['type']}")
        assert_that(one.keys() <= PARAMETERS, f"unknown parameter of {name}: {list(one)}")
        yield f"{before}{name}", one
        for below, field in one.get("fields", {}).items():
            yield f"{before}{name}.{below}", {**field, "of": f"{before}{name}"}


def flaws(source: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]], before: str = "") -> Iterator[str]:
    """What of a document its mapping does not take; a strict one, so that nothing is sent that cannot be searched."""
    for name, value in source.items():
        path = f"{before}{name}"
        field = fields.get(path)
        if field is None and isinstance(value, dict):
            yield from flaws(value, fields, f"{path}.")
        elif field is None or "of" in field:
            yield f"{path} is not mapped"
        elif not all(takes(field["type"], one) for one in (value if isinstance(value, list) else [value])):
            yield f"{path} is no {field['type']}"


def takes(kind: str, value: Any) -> bool:
    try:
        if kind == "date":
            return bool(moment(value))
        if kind == "ip":
            return bool(ipaddress.ip_address(value))
    except (TypeError, ValueError):
        return False
    if kind == "integer" and not (isinstance(value, int) and abs(value) < 2**31):
        return False
    return isinstance(value, TYPES[kind]) and not isinstance(value, bool)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def value_of(source: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted ``path``, however deep its objects are written; a subfield has that of its field."""
    if path in source:
        return source[path]
    for at in [match.start() for match in re.finditer(r"\.", path)]:
        inner = source.get(path[:at])
        if isinstance(inner, dict):
            return value_of(inner, path[at + 1 :])
        if inner is not None:
            return inner
    return None


def buckets(agg: dict[str, Any], hits: list[dict[str, Any]], fields: dict[str, dict[str, Any]]) -> dict[str, Any]:
    assert_that(agg.keys() <= {"terms", "aggs"} and agg["terms"].keys() == {"field", "size"}, "terms with field, size")
    name = agg["terms"]["field"]
    assert_that(name in fields and fields[name]["type"] in EXACT, f"{name} cannot be counted by its terms")
    counts = Counter(value_of(one, name) for one in hits if value_of(one, name) is not None)
    listed = []
    for key, count in counts.most_common(agg["terms"]["size"]):
        below = [one for one in hits if value_of(one, name) == key]
        inner = {sub: buckets(one, below, fields) for sub, one in agg.get("aggs", {}).items()}
        listed.append({"key": key, "doc_count": count, **inner})
    return {"buckets": listed}


@contextmanager
def fake_elastic() -> Iterator[FakeElastic]:
    """A running fake on a port of its own."""
    fake = FakeElastic()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = fake.answer(self.command, self.path, self.headers, body)
            if answer is None:
                self.close_connection = True
                return
            status, document = answer
            text = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("X-Elastic-Product", fake.product)
            self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=9")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_POST(self) -> None:
            self._handle()

        def do_PUT(self) -> None:
            self._handle()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()
