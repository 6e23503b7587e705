"""One Result by itself, for who asks for one probe: the sample lines of a check, without its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prober.model import Result
from prober.sinks.prometheus.families import FAMILIES, Family
from prober.sinks.prometheus.samples import (
    MOST_MEASURES,
    MOST_STEPS,
    PHASES_OF,
    Cap,
    moving_lines,
    steady_lines,
)

__all__ = ["PHASES_OF", "Family", "render", "samples"]

Samples = dict[str, list[tuple[str, str]]]
"""By family: labels as of ``join_labels``, and the value."""


def samples(result: Result) -> Samples:
    """Every sample of ``result``."""
    lines = {**steady_lines(result, "", Cap(MOST_STEPS), Cap(MOST_MEASURES)), **moving_lines(result, "")}
    return {family: [_read(line) for line in text.decode().splitlines()] for family, text in lines.items()}


def render(found: Mapping[str, list[tuple[str, str]]], more: Iterable[Family] = ()) -> bytes:
    """The text format 0.0.4 of ``found``; ``more`` are families of its own."""
    pieces = []
    for family in (*FAMILIES, *more):
        if samples := found.get(family.name):
            pieces.append(family.head)
            pieces += [f"{_name(family.name, labels)} {value}\n".encode() for labels, value in samples]
    return b"".join(pieces)


def _name(family: str, labels: str) -> str:
    return f"{family}{{{labels}}}" if labels else family


def _read(line: str) -> tuple[str, str]:
    labels, _, value = line.partition("{")[2].rpartition("} ")
    return labels.removeprefix(","), value
