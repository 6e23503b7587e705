"""What an objective leaves to fail. Pure.

The budget is the time that may be down: of the time of which anything is known in the window, the share that the
objective leaves. Burn is told by runs, since they say at once what transitions say after several of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from prober.history.words import GOOD, Budget, Stretch, Uptime
from prober.model.checks import Slo

HOUR_S = 3_600.0
BURNS: Mapping[str, float] = {"1h": HOUR_S, "6h": 6 * HOUR_S, "1d": 24 * HOUR_S, "3d": 72 * HOUR_S}
FORECAST = "6h"


def budget_of(slo: Slo, window: Uptime, runs: Mapping[str, tuple[int, int]], now: float) -> Budget:
    """The budget of ``slo`` over ``window``; ``runs`` are those of each of ``BURNS``, and the good ones of them."""
    allowed = 1.0 - slo.objective / 100.0
    down_s = window.seconds.get(Stretch.DOWN, 0.0)
    known_s = down_s + sum(window.seconds.get(state, 0.0) for state in GOOD)
    left = 1.0 - down_s / (allowed * known_s) if known_s > 0 else None
    burn = {name: (number - good) / number / allowed for name, (number, good) in runs.items() if number}
    return Budget(slo.objective, slo.window, left, burn, _gone_at(slo, left, burn.get(FORECAST, 0.0), now))


def _gone_at(slo: Slo, left: float | None, burn: float, now: float) -> float | None:
    """When nothing is left if it goes on so; what is used up in a window at a burn of 1 is all of it."""
    if left is None or burn <= 0.0:
        return None
    in_s = max(0.0, left) * slo.window / burn
    return now + in_s if in_s < slo.window else None
