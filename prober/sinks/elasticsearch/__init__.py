"""Elasticsearch: what a user configures of it, and the sink that fills a data stream in a thread of its own."""

from __future__ import annotations

from importlib.util import find_spec

from prober.faults import UserFault
from prober.model import Result
from prober.sinks import Sink
from prober.sinks._lane import Lane, Limits, Outlet
from prober.sinks._plain import encoded
from prober.sinks.elasticsearch.documents import document, document_id
from prober.sinks.elasticsearch.spec import Spec

__all__ = ["MISSING", "Spec", "open_sink", "require"]

MISSING = "sinks of kind elasticsearch need the extra: pip install 'prober[elasticsearch]'"


def require() -> None:
    """Raise UserFault where the client is not installed."""
    if find_spec("elasticsearch") is None:
        raise UserFault(MISSING)


def open_sink(spec: Spec, limits: Limits | None = None) -> Sink:
    """A running sink; it connects when there is something to send. Raises UserFault without the client."""
    require()
    given = limits or Limits(queue_bytes=spec.queue_bytes, max_age_s=spec.max_age, flush_s=spec.flush_interval)

    def entry(result: Result) -> tuple[str, bytes]:
        return document_id(result), encoded(document(result, spec))

    lane = Lane("elasticsearch", entry, lambda: _outlet(spec), given)
    lane.start()
    return lane


def _outlet(spec: Spec) -> Outlet:
    from prober.sinks.elasticsearch.bulk import Bulk  # the client takes a while to import

    return Bulk(spec)
