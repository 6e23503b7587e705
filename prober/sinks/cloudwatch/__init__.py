"""Amazon CloudWatch: what a user configures of it, and the sink that feeds it in a thread of its own."""

from __future__ import annotations

from prober.clock import Clock, SystemClock
from prober.sinks import Sink
from prober.sinks.cloudwatch.feed import Feed
from prober.sinks.cloudwatch.spec import Spec

__all__ = ["Spec", "open_sink"]


def open_sink(spec: Spec, clock: Clock | None = None) -> Sink:
    """A running feed; it connects when there is something to send, so missing credentials never block the start."""
    feed = Feed(spec, clock or SystemClock())
    feed.start()
    return feed
