"""A result as one line of JSON that fits into an event of limited size."""

from __future__ import annotations

from prober.model import Result
from prober.sinks import _plain

# What a result may do without where it is too long, in this order.
_SPARED = ("steps", "facts", "expectations", "measures", "artifacts")
_LONGEST_TEXT = 10_000


def encoded(result: Result, longest_bytes: int) -> bytes:
    """``result`` as one line of JSON of at most ``longest_bytes``; what was left out for that is named in ``cut``."""
    document = _plain.as_json(result)
    line = _plain.encoded(document)
    for name in _SPARED:
        if len(line) <= longest_bytes:
            return line
        document["cut"] = [*document.get("cut", ()), name]
        del document[name]
        line = _plain.encoded(document)
    if len(line) <= longest_bytes:
        return line
    texts = {name: text[:_LONGEST_TEXT] for name, text in document.items() if isinstance(text, str)}
    return _plain.encoded({**texts, "cut": [*_SPARED, "message"]})
