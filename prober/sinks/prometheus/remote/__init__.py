"""Prometheus remote write, 1.0 and 2.0: the samples of ``/metrics`` for regions that nobody scrapes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from prober.clock import Clock, SystemClock
from prober.model import Duration
from prober.sinks import Sink, SinkSpec
from prober.sinks._post import Headers, Url, require_extra
from prober.sinks.prometheus import Exposition

__all__ = ["Spec", "open_sink", "require"]

LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    if reserved := [name for name in labels if name.startswith("__")]:
        raise ValueError(f"{reserved[0]}: names that begin with __ are Prometheus' own")
    return labels


class Spec(SinkSpec):
    """What ``/metrics`` says of checks, pushed over remote write. Needs the extra ``remote-write``."""

    kind: Literal["remote_write"]
    """remote_write."""
    url: Url
    """Where it is taken, such as http://prometheus:9090/api/v1/write."""
    version: Literal["auto", "1", "2"] = "auto"
    """The version of the protocol: auto asks with an empty request whether 2.0 is spoken there, otherwise takes 1.0."""
    headers: Headers = {}
    """Headers of every request, such as Authorization; their values are held as secrets."""
    labels: Annotated[dict[LabelName, str], AfterValidator(_check_labels)] = {}
    """Labels of every series beside those on ``/metrics``, which win."""
    interval: Annotated[Duration, Field(ge=0.05, le=240)] = 15.0
    """Time between two samples of each series, as a scrape interval; Prometheus forgets series after 5 minutes."""


def require() -> None:
    """Raise UserFault where the extra is not installed."""
    require_extra("remote_write", "cramjam", "remote-write")


def open_sink(spec: Spec, exposition: Exposition, clock: Clock | None = None) -> Sink:
    """A running sink that pushes what ``exposition`` says. Raises UserFault."""
    from prober.sinks.prometheus.remote.writer import Writer

    require()
    writer = Writer(spec, exposition, clock or SystemClock())
    writer.start()
    return writer
