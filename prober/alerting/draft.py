"""What one transaction is going to write of this region's own view, while it is made."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prober.alerting.setting import Sighting
from prober.model import Check, Result, Transition, Verdict
from prober.pace import paced
from prober.state import State, advance
from prober.store import TICK_S, Batch, LeftOut

MOST_LEFT_OUT = 600
"""What a row can stand for is kept in it, and must not fill the disk."""
_NONE = LeftOut(0.0, 0.0)


@dataclass(slots=True)
class Thinning:
    """Which uneventful results are kept: of each check one in ``every_s``, which stands for those before it."""

    every_s: float
    _kept_at: dict[str, float] = field(default_factory=dict)
    _left_out: dict[str, LeftOut] = field(default_factory=dict)

    def keep(self, result: Result, eventful: bool) -> LeftOut | None:
        """What ``result`` stands for beside itself if it is kept; None where it is left to a later one."""
        check_id, started_at = result.check.id, result.started_at
        since_s = started_at - self._kept_at.get(check_id, float("-inf"))
        waiting = self._left_out.get(check_id)
        full = waiting is not None and len(waiting.ticks) >= MOST_LEFT_OUT
        if eventful or full or result.verdict is not Verdict.UP or not 0.0 <= since_s < self.every_s:
            self._kept_at[check_id] = started_at
            return self._left_out.pop(check_id, _NONE)
        if waiting is None:
            waiting = self._left_out[check_id] = LeftOut(started_at, started_at)
        waiting.last_at = started_at
        waiting.ticks.append(round(result.duration_s / TICK_S) if math.isfinite(result.duration_s) else 0)
        return None

    def forget(self, check_id: str) -> None:
        """The check is watched no more."""
        self._kept_at.pop(check_id, None)
        self._left_out.pop(check_id, None)


class Draft:
    """A batch while it is made, over what is known so far."""

    def __init__(self, region: str, known: Mapping[str, State], freshness_s: Callable[[Check], float]) -> None:
        self.states: dict[str, State] = {}
        self.sightings: dict[str, Sighting] = {}
        """What the latest bad runs saw."""
        self.forgotten: set[str] = set()
        self.changed: set[str] = set()
        """Checks of which something is new that decisions depend on."""
        self._region = region
        self._known = known
        self._freshness_s = freshness_s
        self._checks: dict[str, Check] = {}
        self._results: list[Result] = []
        self._stands_for: dict[str, int] = {}
        self._left_out: dict[str, LeftOut] = {}
        self._transitions: list[Transition] = []
        self._turned: set[str] = set()

    def record(self, result: Result, thinning: Thinning) -> bool:
        """Let the check's state advance. False, and nothing is recorded, where it would change a second time.

        Decisions are taken over what a transaction leaves behind: an outage that began and ended within one would
        never be told.
        """
        check_id = result.check.id
        state = self.states.get(check_id) or self._known.get(check_id) or State(check_id, self._region)
        after, transitions = advance(state, result, result.check.alert)
        if transitions and check_id in self._turned:
            return False
        # What was decided while nothing was heard of it does not hold any more, however steady it is.
        again = after is not state and result.started_at > state.last_at + self._freshness_s(result.check)
        eventful = bool(transitions) or again or after.undecided != state.undecided
        # A signal is kept: whoever brought it was told so.
        others = thinning.keep(result, eventful or result.check.pushed)
        if others is not None:
            self._results.append(result)
            if others.ticks:
                self._stands_for[result.run_id] = len(others.ticks) + 1
                self._left_out[result.run_id] = others
        if after is not state:
            self.states[check_id], self._checks[check_id] = after, result.check
        if result.verdict in (Verdict.DOWN, Verdict.DEGRADED):
            self.sightings[check_id] = Sighting.of(result)
        if transitions:
            self._transitions += transitions
            self._turned.add(check_id)
        if eventful:
            self.changed.add(check_id)
        return True

    def forget(self, check_id: str) -> None:
        """The check is watched no more."""
        self.forgotten.add(check_id)
        self.changed.add(check_id)

    def batch(self) -> Batch:
        """What is to be written."""
        return Batch(
            writer=self._region,
            token=secrets.token_hex(8),
            results=tuple(self._results),
            states=tuple(
                written(state, self._freshness_s(self._checks[name])) for name, state in paced(self.states.items())
            ),
            transitions=tuple(self._transitions),
            forgotten=tuple((check_id, self._region) for check_id in self.forgotten),
            stands_for=self._stands_for,
            left_out=self._left_out,
        )


def written(state: State, stale_s: float) -> dict[str, Any]:
    """``state`` as the store takes it."""
    return {**state.to_dict(), "stale_s": stale_s}
