"""Elasticsearch's bulk API through the official client. Imported only by the thread that sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from elasticsearch import ApiError, Elasticsearch, SerializationError, TransportError

from prober.faults import Permanent, Retryable, describe
from prober.log import Log
from prober.sinks._lane import Entry, Taken
from prober.sinks.elasticsearch.spec import Spec
from prober.sinks.elasticsearch.template import index_template, template_name

TIMEOUT_S = 30.0
DONE = frozenset({200, 201, 409})
"""409 is a document that is there already: it was sent before, and the answer got lost."""
BUSY = frozenset({429, 502, 503, 504})
MENDABLE = frozenset({401, 403, 404, 408, 409, 413})
"""Of whole requests: rights, keys and places that someone may be about to put right, and batches that are too large."""

_log = Log(__name__)


class Bulk:
    """One data stream; its template is put in place before the first documents are."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._client = _connect(spec)
        self._prepared = not spec.template

    def put(self, batch: Sequence[Entry]) -> Taken:
        """Send ``batch`` in one request. Raises Retryable or Permanent where no document was looked at."""
        try:
            if not self._prepared:
                self._prepare()
            items = self._create(batch)
        except ApiError as error:
            if error.meta.status == 413 and len(batch) > 1:
                return self._put_halves(batch)
            raise _sorted(error) from error
        except SerializationError as error:
            raise Retryable(f"unreadable answer: {describe(error)}") from error
        except TransportError as error:
            raise Retryable(f"{type(error).__name__}: {describe(error)}") from error
        return _taken(batch, items)

    def close(self) -> None:
        """Give up connections."""
        self._client.close()

    def _prepare(self) -> None:
        body = index_template(self._spec)
        try:
            self._client.indices.put_index_template(name=template_name(self._spec), body=body)
        except ApiError as error:
            if error.meta.status != 403:
                raise
            # A key that may write documents need not be one that may change templates.
            _log.warning("the index template could not be put in place", error=describe(error))
        self._prepared = True

    def _create(self, batch: Sequence[Entry]) -> Sequence[Mapping[str, Any]]:
        """What became of each document. Of the API's actions a data stream takes ``create`` only."""
        lines: list[Any] = []
        for entry in batch:
            lines += orjson.dumps({"create": {"_id": entry.id}}), entry.body
        answer = self._client.bulk(index=self._spec.data_stream, operations=lines)
        items = answer.body.get("items") if isinstance(answer.body, dict) else None
        if not isinstance(items, list) or len(items) != len(batch):
            raise Retryable("unreadable answer: it does not say what became of each document")
        return [item.get("create") or {} for item in items]

    def _put_halves(self, batch: Sequence[Entry]) -> Taken:
        middle = len(batch) // 2
        first, second = self.put(batch[:middle]), self.put(batch[middle:])
        problem = first.problem or second.problem
        return Taken([*first.again, *second.again], first.rejected + second.rejected, problem)


def _taken(batch: Sequence[Entry], items: Sequence[Mapping[str, Any]]) -> Taken:
    again, rejected, problem = [], 0, ""
    for entry, item in zip(batch, items, strict=True):
        status = item.get("status")
        if status in DONE:
            continue
        if status in BUSY:
            again.append(entry)
        else:
            rejected += 1
        fault = item.get("error") or {}
        problem = problem or f"{status} {fault.get('type', 'error')}: {fault.get('reason', 'no reason was given')}"
    return Taken(again, rejected, problem)


def _sorted(error: ApiError) -> Retryable | Permanent:
    status = error.meta.status
    text = f"HTTP {status}: {describe(error)}"
    if status == 200 or status >= 500 or status in BUSY or (status in MENDABLE and status != 413):
        return Retryable(text, _after_s(error.meta.headers.get("retry-after")))
    return Permanent(text)


def _after_s(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() else None


def _connect(spec: Spec) -> Elasticsearch:
    settings: dict[str, Any] = {}
    if spec.api_key is not None:
        settings["api_key"] = spec.api_key.reveal()
    if spec.username is not None and spec.password is not None:
        settings["basic_auth"] = (spec.username, spec.password.reveal())
    if spec.ca_file is not None:
        settings["ca_certs"] = spec.ca_file
    return Elasticsearch(
        [_with_port(url) for url in spec.urls],
        request_timeout=TIMEOUT_S,
        max_retries=0,  # how often to try is the lane's to say
        retry_on_timeout=False,
        http_compress=True,
        **settings,
    )


def _with_port(url: str) -> str:
    """The client wants every port said."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.port is not None:
        return url
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{443 if parts.scheme == 'https' else 80}{parts.path}"
