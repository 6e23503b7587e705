"""Remote write 2.0 as bytes (https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/), written by hand.

Request    { repeated string symbols = 4; repeated TimeSeries timeseries = 5 }
TimeSeries { repeated uint32 labels_refs = 1; repeated Sample samples = 2; Metadata metadata = 5 }
Sample     { double value = 1; int64 timestamp = 2 }
Metadata   { MetricType type = 1; uint32 help_ref = 3 }

Every text stands once in the symbols of a request, the first of which is empty, and is referred to by its place there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prober.sinks.prometheus.families import FAMILIES, Family
from prober.sinks.prometheus.remote.wire import field, labels_of, moment, varint

HEADERS = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}
WRITTEN = "X-Prometheus-Remote-Write-Samples-Written"
"""What every receiver of 2.0 says in its answer; one that does not say it took the request for one of 1.0."""
HELLO = field(4, b"")
"""A request of nothing, which tells by its answer what is spoken there."""

_TYPES = {"counter": 1, "gauge": 2, "histogram": 3}
_FAMILIES = {family.name: family for family in FAMILIES}
_PART = re.compile(r"_(?:bucket|sum|count)$")


@dataclass(frozen=True, slots=True)
class Head:
    """All of a series but its sample; made once for a series, as its labels stay."""

    texts: tuple[str, ...]
    """Names and values of its labels, in turn."""
    kind: int
    help: str


def head(series: bytes, more: Mapping[str, str]) -> Head:
    """See ``wire.labels_of``."""
    labels = labels_of(series, more)
    family = _family(dict(labels)["__name__"])
    texts = tuple(text for label in labels for text in label)
    return Head(texts, _TYPES[family.kind] if family else 0, family.help if family else "")


def body(samples: Sequence[tuple[Head, bytes]], at_ms: int) -> bytes:
    """A Request of these heads and values, all of one moment."""
    symbols: dict[str, int] = {"": 0}
    end = b"\x12\x10\x09", moment(at_ms)
    series = [field(5, _series(known, value, end, symbols)) for known, value in samples]
    return b"".join([*(field(4, text.encode()) for text in symbols), *series])


def _series(known: Head, value: bytes, end: tuple[bytes, bytes], symbols: dict[str, int]) -> bytes:
    refs = b"".join([varint(symbols.setdefault(text, len(symbols))) for text in known.texts])
    about = b"\x08" + varint(known.kind) + b"\x18" + varint(symbols.setdefault(known.help, len(symbols)))
    return field(1, refs) + end[0] + value + end[1] + field(5, about)


def _family(name: str) -> Family | None:
    return _FAMILIES.get(name) or _FAMILIES.get(_PART.sub("", name))
