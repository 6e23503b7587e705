"""Remote write 1.0 as bytes (https://prometheus.io/docs/specs/prw/remote_write_spec/): two messages, written by hand.

WriteRequest { repeated TimeSeries timeseries = 1 }
TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2 }
Label        { string name = 1; string value = 2 }
Sample       { double value = 1; int64 timestamp = 2 }
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping

STALE = struct.pack("<Q", 0x7FF0000000000002)
"""The NaN that ends a series."""

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_MEANT = {"n": "\n", '"': '"', "\\": "\\"}
_double = struct.Struct("<d").pack


def value(text: bytes) -> bytes:
    """A sample's value as the exposition writes it."""
    return _double(float(text))


def labels(series: bytes, more: Mapping[str, str]) -> bytes:
    """The label fields of ``series``, written as ``name{label="value"}``; sorted, ``more`` where it says nothing."""
    name, _, rest = series.decode().partition("{")
    told = {key: _ESCAPED.sub(_meant, text) for key, text in _LABEL.findall(rest)}
    named = {**more, **told, "__name__": name}
    # An empty label is no label, and receivers refuse it.
    return b"".join(_field(1, _pair(key, text)) for key, text in sorted(named.items()) if text)


def time_series(labels: bytes, value: bytes, at: bytes) -> bytes:
    """One series with one sample; ``at`` is of ``moment``."""
    return _field(1, labels + b"\x12" + _varint(9 + len(at)) + b"\x09" + value + at)


def moment(at_ms: int) -> bytes:
    """The time field of samples."""
    return b"\x10" + _varint(at_ms)


def _pair(name: str, text: str) -> bytes:
    return _field(1, name.encode()) + _field(2, text.encode())


def _meant(found: re.Match[str]) -> str:
    return _MEANT.get(found[1], found[0])


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
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
        for line in piece.splitlines():
            series, _, text = line.rpartition(b" ")
            yield series, text
