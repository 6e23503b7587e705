"""The index template of the data stream: ECS, and the fields of the logs that a team of the platform knows.

That team's own template has a keyword ``service``, where ECS has an object with ``service.name``. Both names lead to
it here, since ``name`` is a subfield of the keyword.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prober.sinks.elasticsearch.spec import Spec

PRIORITY = 500  # above Elasticsearch's own for logs-*-*, which is 100, and Fleet's, which is 200
VERSION = 1

_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_LONG = {"type": "long"}
_DATE = {"type": "date"}
_FLOAT = {"type": "double"}

FIELDS: Mapping[str, Mapping[str, Any]] = {
    "@timestamp": _DATE,
    # the fields of the platform's logs
    "level": _KEYWORD,
    "message": {"type": "text", "fields": {"keyword": _KEYWORD}},
    "service": {**_KEYWORD, "fields": {"name": _KEYWORD}},
    "environment": _KEYWORD,
    "userId": _KEYWORD,
    "eventId": _KEYWORD,
    "requestId": _KEYWORD,
    "duration": {"type": "integer"},
    # ECS, by the names that Heartbeat and Elastic's own synthetics use
    "ecs.version": _KEYWORD,
    "data_stream.type": {"type": "constant_keyword"},
    "data_stream.dataset": {"type": "constant_keyword"},
    "data_stream.namespace": {"type": "constant_keyword"},
    "event.kind": _KEYWORD,
    "event.category": _KEYWORD,
    "event.dataset": _KEYWORD,
    "event.outcome": _KEYWORD,
    "event.duration": _LONG,
    "log.level": _KEYWORD,
    "error.type": _KEYWORD,
    "error.message": {"type": "text"},
    "observer.type": _KEYWORD,
    "observer.geo.name": _KEYWORD,
    "trace.id": _KEYWORD,
    "tags": _KEYWORD,
    "monitor.id": _KEYWORD,
    "monitor.name": _KEYWORD,
    "monitor.type": _KEYWORD,
    "monitor.status": _KEYWORD,
    "monitor.check_group": _KEYWORD,
    "monitor.ip": {"type": "ip"},
    "monitor.duration.us": _LONG,
    "summary.up": {"type": "integer"},
    "summary.down": {"type": "integer"},
    "url.full": {"type": "wildcard"},
    "url.scheme": _KEYWORD,
    "url.domain": _KEYWORD,
    "url.path": {"type": "wildcard"},
    "url.port": _LONG,
    "http.response.status_code": _LONG,
    "http.response.body.bytes": _LONG,
    "http.version": _KEYWORD,
    "http.rtt.response_header.us": _LONG,
    "http.rtt.content.us": _LONG,
    "http.rtt.total.us": _LONG,
    "resolve.rtt.us": _LONG,
    "tcp.rtt.connect.us": _LONG,
    "tls.rtt.handshake.us": _LONG,
    "tls.version": _KEYWORD,
    "tls.cipher": _KEYWORD,
    "tls.server.x509.subject.distinguished_name": _KEYWORD,
    "tls.server.x509.issuer.distinguished_name": _KEYWORD,
    "tls.server.x509.not_before": _DATE,
    "tls.server.x509.not_after": _DATE,
    "synthetics.type": _KEYWORD,
    "synthetics.journey.id": _KEYWORD,
    "synthetics.journey.name": _KEYWORD,
    "synthetics.step.name": _KEYWORD,
    "synthetics.step.status": _KEYWORD,
    "synthetics.step.duration.us": _LONG,
    "browser.experience.ttfb.us": _LONG,
    "browser.experience.fcp.us": _LONG,
    "browser.experience.lcp.us": _LONG,
    "browser.experience.inp.us": _LONG,
    "browser.experience.tbt.us": _LONG,
    "browser.experience.cls": _FLOAT,
    # all there is, as in `prober run --json`: searched as keywords, whatever a journey makes up
    "prober": {"type": "flattened", "ignore_above": 1024},
}


def index_template(spec: Spec) -> dict[str, Any]:
    """The body of ``PUT _index_template``: https://www.elastic.co/docs/manage-data/data-store/templates."""
    return {
        "index_patterns": [spec.data_stream],
        "data_stream": {},
        "priority": PRIORITY,
        "version": VERSION,
        "template": {
            "settings": {"number_of_shards": spec.shards, "number_of_replicas": spec.replicas},
            "mappings": {"dynamic": False, "properties": _nested(FIELDS)},
            "lifecycle": {"data_retention": f"{int(spec.retention)}s"},
        },
        "_meta": {"description": "Results of synthetic checks", "managed_by": "prober"},
    }


def template_name(spec: Spec) -> str:
    """What the template is called."""
    return f"prober-{spec.data_stream}"


def _nested(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Dotted names as the objects that mappings want."""
    root: dict[str, Any] = {}
    for name, mapping in fields.items():
        *parents, leaf = name.split(".")
        at = root
        for parent in parents:
            at = at.setdefault(parent, {"properties": {}})["properties"]
        at[leaf] = dict(mapping)
    return root
