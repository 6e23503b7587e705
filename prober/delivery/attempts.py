"""When a failed attempt is made again. Pure, but for the jitter."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from tenacity import wait_exponential

from prober.faults import DeliveryFault, Retryable

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
"""No wait between attempts is longer, also where a service asks for more."""

_CEILING = wait_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S)


def backoff_s(failures: int, rng: random.Random) -> float:
    """How long to wait after so many failures in a row: exponential, with full jitter, capped.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    tried: Any = SimpleNamespace(attempt_number=failures + 1)  # of a retry that outlives processes, all that is kept
    return rng.uniform(0.0, _CEILING(tried))


def next_attempt(failures: int, fault: DeliveryFault, now: float, rng: random.Random) -> float | None:
    """When to try again after ``fault``, the ``failures``-th in a row; None when that cannot help.

    What may go better is tried for ever: at one attempt in five minutes it costs nothing, and a resolve that was
    given up would leave somebody's incident open.
    """
    if not isinstance(fault, Retryable):
        return None
    asked_s = min(fault.after_s or 0.0, LONGEST_WAIT_S)
    return now + max(asked_s, backoff_s(failures, rng))  # "at once" is no reason to hurry either
