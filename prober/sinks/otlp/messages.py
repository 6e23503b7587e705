"""What traces and metrics have in common as OTLP messages; imported only where something is sent.

The messages are those of ``opentelemetry-proto``. The SDK's processors and readers would have no use here: they time
spans as code runs, while a run is over when it gets here, and drop silently when their queues are full.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from prober import __version__
from prober.sinks.otlp.spec import Spec

LONGEST_VALUE = 4_000  # characters; New Relic takes 4,095

Item = TypeVar("Item")
SCOPE = InstrumentationScope(name="prober", version=__version__)


def ns(seconds: float) -> int:
    """Wall time in nanoseconds."""
    return int(seconds * 1e9)


def text(value: str) -> str:
    """``value`` as a protobuf string may hold it."""
    value = value[:LONGEST_VALUE]
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    """``values`` as attributes; those that are None or empty texts are left out."""
    return [KeyValue(key=key, value=_any(value)) for key, value in values.items() if value not in (None, "", ())]


def _any(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case tuple() | list():
            return AnyValue(array_value=ArrayValue(values=[_any(one) for one in value]))
        case _:
            return AnyValue(string_value=text(str(value)))


def resource(spec: Spec) -> Resource:
    """Who sends."""
    told = {"service.name": spec.service_name, "service.version": __version__, "host.name": socket.gethostname()}
    return Resource(attributes=attributes(told | spec.attributes))


def split(
    items: Sequence[Item], build: Callable[[Sequence[Item]], Message], most_bytes: int
) -> Iterator[tuple[bytes | None, int]]:
    """Requests over all ``items`` with how many each holds, halved until they fit; None for one that never does."""
    if not items:
        return
    body = build(items).SerializeToString()
    if len(body) <= most_bytes:
        yield body, len(items)
    elif len(items) == 1:
        yield None, 1
    else:
        middle = len(items) // 2
        yield from split(items[:middle], build, most_bytes)
        yield from split(items[middle:], build, most_bytes)
