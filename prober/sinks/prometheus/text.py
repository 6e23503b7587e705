"""Prometheus' text format 0.0.4: numbers, label values and the lines of one check.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

LONGEST_VALUE = 2048  # characters of one label value; a certificate may name hundreds of hosts

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")


def number(value: float) -> str:
    """``value`` as a sample's value: the shortest text that reads back as the same float."""
    if value.__class__ is int:
        return repr(value)
    if value.__class__ is float and -1e300 < value < 1e300:
        return repr(value)
    if math.isfinite(value):
        return repr(+value)  # the plus turns a bool into its number
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


@lru_cache(maxsize=8192)
def escape(value: str) -> str:
    """``value`` as it stands between the quotes of a label, cut at 2,048 characters."""
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()  # a lone surrogate would break the whole scrape
    return value[:LONGEST_VALUE].translate(_ESCAPES)


def join_labels(pairs: Iterable[tuple[str, str]]) -> str:
    """``name="value",...`` without braces; the names must be valid already."""
    return ",".join([f'{name}="{escape(value)}"' for name, value in pairs])


def label_name(text: str) -> str:
    """``text`` made a label name: ``[a-zA-Z_][a-zA-Z0-9_]*``, not of the reserved ``__`` kind."""
    name = _NOT_IN_A_NAME.sub("_", text).lstrip("_") or "label"
    return f"_{name}" if name[0].isdigit() else name


class Lines:
    """The sample lines of one check, gathered by family."""

    __slots__ = ("_by_family", "_labels")

    def __init__(self, labels: str) -> None:
        self._labels = labels
        self._by_family: dict[str, str] = {}

    def add(self, family: str, value: float, extra: str = "", suffix: str = "") -> None:
        """One more sample; ``extra`` are labels as of ``join_labels``, ``suffix`` is a histogram's ``_bucket``."""
        labels = f"{self._labels},{extra}" if extra else self._labels
        line = f"{family}{suffix}{{{labels}}} {number(value)}\n"
        known = self._by_family.get(family)
        self._by_family[family] = known + line if known else line

    def add_known(self, family: str, value: object) -> None:
        """The same for a fact that may be missing; anything but a number is left out, never written as 0."""
        if isinstance(value, int | float):
            self.add(family, value)

    def add_each(self, family: str, label: str, values: Mapping[str, float]) -> None:
        """One sample for each entry of ``values``, its key as ``label``."""
        for key, value in values.items():
            self.add(family, value, f'{label}="{escape(key)}"')

    def encode(self) -> dict[str, bytes]:
        """Every family's lines as bytes, ready to be joined."""
        return {family: lines.encode() for family, lines in self._by_family.items()}
