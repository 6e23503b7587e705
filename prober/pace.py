"""What keeps the interpreter for the probing loop: its settings, and how others go through many things.

Who reckons gives the interpreter's lock away only a tenth of a millisecond after he was asked, and libcurl asks a dozen
times a probe: without pauses, the times of probes would grow by milliseconds whenever a batch of results is written.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

EVERY = 16
"""Of things that take some ten microseconds each."""
PAUSE_S = 0.0005


SWITCH_S = 0.0001  # after which a thread that reckons gives the lock away
GC_THRESHOLDS = (20_000, 20, 1_000)
"""Runs leave next to no cycles behind, and a look through what ten thousand checks keep takes a quarter of a second."""


def give_way() -> None:
    """Let the interpreter's lock change hands soon after it was asked for, in this whole process."""
    sys.setswitchinterval(SWITCH_S)


def keep_what_is_there() -> None:
    """Look for garbage in what comes from now on, and rarely; what is there now stays."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()


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
