"""Runs without a task: what the engine keeps of each, and how one that outlasts its deadline is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from prober.clock import Clock
from prober.model import Observation
from prober.probes import Flight

LOOK_S = 1.0  # a look costs less than a timer for every run, and overtime is counted in seconds

Outcome = Callable[[], Observation]


@dataclass(slots=True, eq=False)
class Flying:
    """One run under way; ``land`` or ``cancel`` ends it, whichever comes first."""

    flights: Flights
    overdue_at: float
    on_end: Callable[[Outcome | None], None]
    """Handed what makes the Observation; None where there is none, as the run outlasted its deadline."""
    on_cancel: Callable[[], None]
    flight: Flight | None = None

    def land(self, outcome: Outcome | None) -> None:
        """The run has ended."""
        if self.flights.remove(self):
            self.on_end(outcome)

    def cancel(self) -> None:
        """Give the run up; its end is told to nobody."""
        if self.flights.remove(self):
            if self.flight is not None:
                self.flight.cancel()
            self.on_cancel()


@dataclass(slots=True)
class Flights:
    """All runs under way that have no task."""

    clock: Clock
    _flying: set[Flying] = field(default_factory=set)
    _look: asyncio.TimerHandle | None = None

    def add(self, run: Flying) -> None:
        """Watch ``run`` until it ends."""
        self._flying.add(run)
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(LOOK_S, self._look_around)

    def remove(self, run: Flying) -> bool:
        """Watch ``run`` no more; whether it was still under way."""
        if run not in self._flying:
            return False
        self._flying.remove(run)
        return True

    def _look_around(self) -> None:
        self._look = None
        now = self.clock.monotonic()
        overdue = [run for run in self._flying if run.overdue_at <= now]
        if len(self._flying) > len(overdue):
            self._look = asyncio.get_running_loop().call_later(LOOK_S, self._look_around)
        for run in overdue:
            if run.flight is not None:
                run.flight.cancel()
            run.land(None)
