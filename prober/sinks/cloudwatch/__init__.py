"""Amazon CloudWatch: metrics over its API here, as the embedded format in ``emf``; results as events in ``logs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prober.clock import Clock, SystemClock
from prober.sinks import Sink
from prober.sinks.cloudwatch.feed import Backoff, Feed, Puts
from prober.sinks.cloudwatch.gather import Gathering, Tally
from prober.sinks.cloudwatch.spec import Spec

if TYPE_CHECKING:
    from prober.sinks.cloudwatch.service import Api

__all__ = ["Spec", "feed_of", "open_sink"]


def open_sink(spec: Spec) -> Sink:
    """A running feed; it connects when there is something to send, so missing credentials never block the start."""
    feed = feed_of(spec, SystemClock(), Backoff(give_up_s=spec.max_age))
    feed.start()
    return feed


def feed_of(spec: Spec, clock: Clock, backoff: Backoff) -> Feed[Tally]:
    """A feed of metrics that was not started yet."""

    def connect() -> Puts[Tally]:
        # boto3 takes half a second to import, which neither `validate` nor the probing should wait for.
        from prober.sinks.cloudwatch.service import Api

        return MetricData(Api(spec, "cloudwatch"), spec.namespace)

    return Feed("cloudwatch", Gathering(spec, clock), connect, spec.flush_interval, backoff)


class MetricData:
    """One namespace of CloudWatch."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def put(self, items: Sequence[Tally]) -> int:
        """Send ``items`` in one request; a repeated request counts twice there."""
        data = [tally.wire() for tally in items]
        self._api.call("put_metric_data", Namespace=self._namespace, MetricData=data)
        return 0

    def close(self) -> None:
        """Give up connections."""
        self._api.close()
