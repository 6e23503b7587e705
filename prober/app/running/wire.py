"""What a prober and its engine processes say to each other: pickles, each behind its length.

Pickles are safe here and nowhere else: both ends are this prober, and the pair of sockets between them has no name by
which anybody else could open it. Secrets cross on it to where they are sent from, and stand nowhere else.
"""

from __future__ import annotations

import asyncio
import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from prober.app.running import Workload
from prober.model import (
    Artifact,
    Certificate,
    Check,
    Failure,
    Measure,
    Navigation,
    Observation,
    Outcome,
    Result,
    Step,
)

_HEAD_BYTES = 4


@dataclass(frozen=True, slots=True)
class Assignment:
    """To an engine process: what it is to run from now on."""

    generation: int
    region: str
    work: Workload
    wall_ahead_s: float | None
    """What ties the slots to the clock, so that they are those of a single process."""
    since: Mapping[str, float] = field(default_factory=dict)
    """By check id: until when an engine process before this one took its slots."""
    undecided: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Undecided:
    """To an engine process: states that wait for confirmation now, or do no more."""

    changes: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Beside:
    """To an engine process: run a check off its slots."""

    check_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Stop:
    """To an engine process: take no more slots, and end when the runs have."""

    grace_s: float


@dataclass(frozen=True, slots=True)
class Hello:
    """From an engine process that is ready for its assignment."""

    pid: int


@dataclass(slots=True)
class Report:
    """From an engine process: what came about since its last report."""

    generation: int
    """The assignment whose checks ``results`` are of."""
    results: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    """By check id, as of ``facts_of``: a check crosses once, not with every result."""
    lags: list[float] = field(default_factory=list)
    missed: list[tuple[str, int]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    stands: dict[str, float | None] = field(default_factory=dict)
    """By check id, where that changed: the slot it runs for or waits for, on the monotonic clock, which is one for
    all processes of a machine."""
    beat: float = 0.0
    """When it last looked at its slots."""
    stall_worst_s: float = 0.0


Order = Assignment | Undecided | Beside | Stop
Word = Hello | Report

facts_of: Callable[[Result], tuple[Any, ...]] = attrgetter(
    "run_id", "started_at", "verdict", "reason", "message", "observation", "outcomes"
)
"""All of a result but its check and region."""


def result_of(check: Check, region: str, facts: tuple[Any, ...]) -> Result:
    """The result whose ``facts_of`` these are."""
    return Result(check, region, *facts)


def packed(message: Order | Word) -> bytes:
    """``message`` as it goes over the line."""
    body = io.BytesIO()
    body.write(bytes(_HEAD_BYTES))
    pickler = pickle.Pickler(body, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCTIONS
    pickler.dump(message)
    text = body.getbuffer()
    text[:_HEAD_BYTES] = (len(text) - _HEAD_BYTES).to_bytes(_HEAD_BYTES)
    return bytes(text)


async def hear(reader: asyncio.StreamReader) -> Any:
    """The next message; None once the other end is gone."""
    try:
        size = int.from_bytes(await reader.readexactly(_HEAD_BYTES))
        return pickle.loads(await reader.readexactly(size))  # noqa: S301  see above
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _by_fields(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    # A frozen dataclass with slots is pickled and unpickled in Python, field by field: this takes a fifth of it.
    values = attrgetter(*(one.name for one in fields(kind)))
    return lambda value: (kind, values(value))


_REDUCTIONS: dict[type, Any] = {
    kind: _by_fields(kind) for kind in (Observation, Outcome, Certificate, Step, Navigation, Measure, Artifact, Failure)
}
