"""When a failed attempt is made again. Pure."""

from __future__ import annotations

import random

from prober.faults import DeliveryFault, Retryable

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
"""No wait between attempts is longer, also where a service asks for more."""


def backoff_s(failures: int, rng: random.Random) -> float:
    """How long to wait after so many failures in a row: exponential, with full jitter, capped."""
    return rng.uniform(0.0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 30)))


def next_attempt(failures: int, fault: DeliveryFault, now: float, rng: random.Random) -> float | None:
    """When to try again after ``fault``, the ``failures``-th in a row; None when that cannot help.

    What may go better is tried for ever: at one attempt in five minutes it costs nothing, and a resolve that was
    given up would leave somebody's incident open.
    """
    if not isinstance(fault, Retryable):
        return None
    asked_s = min(fault.after_s or 0.0, LONGEST_WAIT_S)
    return now + max(asked_s, backoff_s(failures, rng))  # "at once" is no reason to hurry either
