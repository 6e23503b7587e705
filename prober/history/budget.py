"""What an objective leaves to fail. Pure.

The budget is of runs, as the objective is, and as the alerts on it count: a check that fails now and then is never down
for long, and uses it up all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from prober.history.words import Budget, Uptime
from prober.model.checks import Slo
from prober.model.slo import WINDOWS

BURNS = {name: WINDOWS[name] for name in ("1h", "6h", "1d", "3d")}
FORECAST = "6h"


def budget_of(slo: Slo, window: Uptime, runs: Mapping[str, tuple[int, int]], now: float) -> Budget:
    """The budget of ``slo`` over ``window``; ``runs`` are those of each of ``BURNS``, and the good ones of them."""
    allowed = 1.0 - slo.objective / 100.0
    left = 1.0 - (window.runs - window.good) / window.runs / allowed if window.runs else None
    burn = {name: (number - good) / number / allowed for name, (number, good) in runs.items() if number}
    return Budget(slo.objective, slo.window, left, burn, _gone_at(slo, left, burn.get(FORECAST, 0.0), now))


def _gone_at(slo: Slo, left: float | None, burn: float, now: float) -> float | None:
    """When nothing is left if it goes on so; what is used up in a window at a burn of 1 is all of it."""
    if left is None or burn <= 0.0:
        return None
    in_s = max(0.0, left) * slo.window / burn
    return now + in_s if in_s < slo.window else None
