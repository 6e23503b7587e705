"""Tries of one run: a journey that does no harm twice is run again after a failure, within the same deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prober.journey.declaration import Declaration
from prober.journey.pool import Pool
from prober.journey.wire import Job
from prober.log import Log
from prober.model import Observation, Reason

CRASHES = frozenset({Reason.BROWSER_CRASH, Reason.OUT_OF_MEMORY})


async def run_attempts(
    pool: Pool,
    job: Job,
    declaration: Declaration,
    remaining_s: Callable[[], float],
    log: Log,
) -> Observation:
    """The last try of ``job``; what ended the earlier ones stands in its fact ``attempts``, with their evidence.

    A journey that is not idempotent has one try, whatever happens. Raises ProbeError where no run took place.
    """
    seen = await pool.run(job, remaining_s(), log)
    earlier: list[Observation] = []
    while _again(declaration, seen, len(earlier), remaining_s()):
        earlier.append(seen)
        number = len(earlier) + 1
        log.warning("the journey failed; running it again, as it is idempotent", attempt=number)
        seen = await pool.run(_next(job, number), remaining_s(), log)
    if not earlier:
        return seen
    artifacts = tuple(artifact for one in (*earlier, seen) for artifact in one.artifacts)
    return replace(seen, artifacts=artifacts, facts={**seen.facts, "attempts": [_told(one) for one in earlier]})


def _again(declaration: Declaration, seen: Observation, retried: int, left_s: float) -> bool:
    if seen.failure is None or not declaration.idempotent or seen.duration_s > left_s:
        return False
    allowed = max(declaration.retries, 1) if seen.failure.reason in CRASHES else declaration.retries
    return retried < allowed


def _next(job: Job, number: int) -> Job:
    place = str(Path(job.artifacts) / f"attempt-{number}") if job.artifacts else None
    return replace(job, attempt=number, artifacts=place)


def _told(seen: Observation) -> Mapping[str, Any]:
    failure = seen.failure
    return {
        "reason": failure.reason.value if failure else "",
        "message": failure.message if failure else "",
        "duration_s": seen.duration_s,
    }
