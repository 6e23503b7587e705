"""OpenTelemetry over OTLP/HTTP: what a user configures of it, and the sink that feeds it in threads of its own."""

from __future__ import annotations

from prober.clock import Clock, SystemClock
from prober.sinks import Sink
from prober.sinks._post import require_extra
from prober.sinks.otlp.spec import Spec

__all__ = ["Spec", "open_sink", "require"]


def require() -> None:
    """Raise UserFault where the extra is not installed."""
    require_extra("otlp", "opentelemetry.proto", "otel")


def open_sink(spec: Spec, clock: Clock | None = None) -> Sink:
    """A running sink. Raises UserFault."""
    from prober.sinks.otlp.feed import Feed  # the messages' library is not small

    require()
    feed = Feed(spec, clock or SystemClock())
    feed.start()
    return feed
