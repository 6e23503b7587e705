"""Latency as a sketch that merges: how many runs fell into each of bins that grow by two percent. DDSketch's.

The sketch and its promise are those of the library ``ddsketch``; its own store keeps every bin between the lowest and
the highest as a float, ours only those that hold something, which is what five runs of five minutes ask for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import Store

ACCURACY = 0.01
"""A quantile is off by no more than this, of itself."""
LEAST_S = 1e-6
"""What takes no time at all is taken for this."""

_MAPPING = LogarithmicMapping(ACCURACY)


def bin_of(seconds: float) -> int:
    """The bin that a run of so many seconds falls into."""
    key: int = _MAPPING.key(max(seconds, LEAST_S))
    return key


def quantiles(bins: Mapping[int, int], wanted: Sequence[float]) -> list[float | None]:
    """Each of the ``wanted`` quantiles (0 to 1) of what is in ``bins``, in seconds; None where nothing is."""
    sketch = BaseDDSketch(_MAPPING, _Sparse(bins), _NONE, 0.0)
    return [sketch.get_quantile_value(quantile) for quantile in wanted]


class _Sparse(Store):
    """Bins as the library's sketch asks them, read once."""

    def __init__(self, bins: Mapping[int, int]) -> None:
        super().__init__()
        self._keys = sorted(bins)
        self._upto = list(accumulate(bins[key] for key in self._keys))
        self.count = self._upto[-1] if self._upto else 0

    def key_at_rank(self, rank: float, lower: bool = True) -> int:
        place = bisect_right(self._upto, rank) if lower else bisect_left(self._upto, rank + 1)
        return self._keys[min(place, len(self._keys) - 1)]

    def length(self) -> int:
        return len(self._keys)

    def copy(self, store: Any) -> None:
        raise NotImplementedError("bins are merged before they are read")

    def add(self, key: int, weight: float = 1.0) -> None:
        raise NotImplementedError("bins are merged before they are read")

    def merge(self, store: Any) -> None:
        raise NotImplementedError("bins are merged before they are read")


_NONE = _Sparse({})
