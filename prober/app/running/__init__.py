"""Where checks are run: in this process, or spread over several engine processes that feed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from prober.config import Loaded
from prober.journey.slots import PoolStats
from prober.model import Check, Result


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be run from now on."""

    loaded: Loaded
    checks: tuple[Check, ...]
    region_index: int = 0
    regions: int = 1


class Listener(Protocol):
    """Who hears of runs, in the main loop."""

    def take(self, check: Check, result: Result, ended: Callable[[], None]) -> None:
        """A run of ``check`` gave ``result``; ``ended`` is called, once, when the next run may begin."""
        ...

    def count_missed(self, check_id: str, n: int) -> None:
        """``n`` slots passed without a run."""
        ...

    def count_cancelled(self, check_id: str) -> None:
        """A run has no result, and never will have."""
        ...

    def observe_lag(self, seconds: float) -> None:
        """So late a run started after its slot."""
        ...


class Runner(Protocol):
    """Runs checks on their slots."""

    async def prepare(self, work: Workload) -> Callable[[], None]:
        """Build what ``work`` needs; what is returned puts it in place of what was run before, and cannot fail."""
        ...

    async def serve(self) -> None:
        """Take slots until cancelled."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Take no more slots, let runs end for up to ``grace_s``, cancel and count the rest, close everything."""
        ...

    def set_undecided(self, check_id: str, undecided: bool) -> None:
        """Whether the check's state waits for confirmation, and so for a re-check between its slots."""
        ...

    def run_beside(self, check_id: str, run_id: str) -> bool:
        """Run the check off its slots under that id, now or when the run under way has ended.

        False where nobody can at the moment; one that was begun may still come to nothing.
        """
        ...

    def due_in_s(self, check_id: str) -> float | None:
        """Seconds until the check's next slot; None where that is not known. Called from any thread."""
        ...

    @property
    def beat(self) -> float:
        """When slots were last looked at, on the monotonic clock, by whoever is furthest behind."""
        ...

    @property
    def stall_worst_s(self) -> float:
        """The longest that an event loop which measures stood still."""
        ...

    @property
    def restarts(self) -> int:
        """Engine processes that were started in place of one that had ended."""
        ...

    @property
    def pools(self) -> Mapping[str, PoolStats]:
        """The figures of the pools of workers, by name."""
        ...
