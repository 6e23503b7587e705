"""Going through many things on a thread of one's own without keeping the interpreter from the probing loop.

Who reckons gives the interpreter's lock away only a tenth of a millisecond after he was asked, and libcurl asks a dozen
times a probe: without pauses, the times of probes would grow by milliseconds whenever a batch of results is written.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

EVERY = 16
"""Of things that take some ten microseconds each."""
PAUSE_S = 0.0005


def paced(items: Iterable[Item], every: int = EVERY) -> Iterator[Item]:
    """``items``, with a pause after ``every`` so many."""
    for number, item in enumerate(items, 1):
        yield item
        if number % every == 0:
            time.sleep(PAUSE_S)


def in_pieces(items: Sequence[Item], size: int = EVERY) -> Iterator[Sequence[Item]]:
    """``items`` in pieces of at most ``size``, with a pause between them."""
    for start in range(0, len(items), size):
        if start:
            time.sleep(PAUSE_S)
        yield items[start : start + size]
