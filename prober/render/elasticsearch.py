"""What Elasticsearch is given besides results: the index template, and the searches that one saves."""

from __future__ import annotations

import json
from typing import Any

from prober.config import Config, Loaded
from prober.sinks.elasticsearch import Spec
from prober.sinks.elasticsearch.template import index_template

WINDOW = "now-1h"
TYPES = 10
MESSAGES = 3
NEWEST = 100


def render(loaded: Loaded) -> dict[str, str]:
    """The files for the data stream of ``loaded``, or the usual one: relative path to text."""
    files = {
        "index-template.json": index_template(_spec(loaded.config)),
        "errors-last-hour.json": errors_of_the_last_hour(),
        "errors-by-type.json": errors_by_type(),
    }
    return {name: json.dumps(body, indent=2) + "\n" for name, body in files.items()}


def errors_of_the_last_hour() -> dict[str, Any]:
    """A search for what failed, the newest first."""
    return {"size": NEWEST, "sort": [{"@timestamp": {"order": "desc"}}], "query": _failed_lately()}


def errors_by_type() -> dict[str, Any]:
    """A search for how often what failed, by the reason and then by the message."""
    messages = {"terms": {"field": "message.keyword", "size": MESSAGES}}
    types = {"terms": {"field": "error.type", "size": TYPES}, "aggs": {"messages": messages}}
    return {"size": 0, "query": _failed_lately(), "aggs": {"error_types": types}}


def _failed_lately() -> dict[str, Any]:
    # A filter and no ``must``: nothing is to be scored, and it can be cached.
    return {"bool": {"filter": [{"range": {"@timestamp": {"gte": WINDOW}}}, {"term": {"level": "error"}}]}}


def _spec(config: Config) -> Spec:
    for sink in config.sinks:
        if isinstance(sink, Spec):
            return sink
    return Spec(kind="elasticsearch", urls=("http://localhost:9200",))
