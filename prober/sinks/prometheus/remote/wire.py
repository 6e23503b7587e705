"""Remote write 1.0 as bytes (https://prometheus.io/docs/specs/prw/remote_write_spec/): two messages, written by hand.

WriteRequest { repeated TimeSeries timeseries = 1 }
TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2 }
Label        { string name = 1; string value = 2 }
Sample       { double value = 1; int64 timestamp = 2 }
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
STALE = struct.pack("<Q", 0x7FF0000000000002)
"""The NaN that ends a series."""

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_MEANT = {"n": "\n", '"': '"', "\\": "\\"}
_SAMPLE_BYTES = 1 + 8 + 1 + 6  # value and time, each behind its tag
_double = struct.Struct("<d").pack


def value(text: bytes) -> bytes:
    """A sample's value as the exposition writes it."""
    return _double(float(text))


def head(series: bytes, more: Mapping[str, str]) -> bytes:
    """All of a TimeSeries but its value and time, which end it; made once for a series, as its labels stay.

    See ``labels_of``.
    """
    labels = b"".join(field(1, _pair(key, text)) for key, text in labels_of(series, more))
    sample = b"\x12" + varint(_SAMPLE_BYTES) + b"\x09"
    return b"\x0a" + varint(len(labels) + len(sample) - 1 + _SAMPLE_BYTES) + labels + sample


def body(samples: Sequence[tuple[bytes, bytes]], at_ms: int) -> bytes:
    """A WriteRequest of these heads and values, all of one moment."""
    at = moment(at_ms)
    return b"".join([part for head, value in samples for part in (head, value, at)])


def labels_of(series: bytes, more: Mapping[str, str]) -> list[tuple[str, str]]:
    """The labels of ``series``, which is ``name{label="value"}``; ``more`` stand where it says nothing.

    Sorted, as receivers want them; an empty label is no label, and is refused.
    """
    name, _, rest = series.decode().partition("{")
    told = {key: _ESCAPED.sub(_meant, text) for key, text in _LABEL.findall(rest)}
    named = {**more, **told, "__name__": name}
    return sorted((key, text) for key, text in named.items() if text)


def moment(at_ms: int) -> bytes:
    """The time field of samples: always as long, which a varint may be, so that what is before it stays the same."""
    groups = [at_ms >> shift & 0x7F for shift in range(0, 42, 7)]
    return bytes((0x10, *(group | 0x80 for group in groups[:-1]), groups[-1]))


def _pair(name: str, text: str) -> bytes:
    return field(1, name.encode()) + field(2, text.encode())


def _meant(found: re.Match[str]) -> str:
    return _MEANT.get(found[1], found[0])


def field(number: int, content: bytes) -> bytes:
    """A field of bytes: its tag, its length, and itself."""
    return bytes((number << 3 | 2,)) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """``number`` in groups of seven bits, the lowest first."""
    if number < 0x80:
        return bytes((number,))
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))


def lines_of(pieces: Iterable[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """Every series in ``pieces`` of text format with its value as text."""
    for piece in pieces:
        for line in piece.split(b"\n"):  # not splitlines(): a label may hold a carriage return
            series, _, text = line.rpartition(b" ")
            if series:
                yield series, text
