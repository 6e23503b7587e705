"""Burn rates: how fast a check uses up what its objective leaves to fail (Google's SRE workbook, chapter 5).

A pair of windows alerts: the long one says that it matters, the short one that it goes on. Whoever alerts by them, the
prober or the rules it writes for Prometheus, goes by the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from prober.model.checks import Slo

HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A long window that says it matters, and a short one that says it goes on."""

    long: str
    long_s: float
    short: str
    short_s: float
    share: float
    """Of the whole budget, used up within the long window."""

    def factor(self, slo: Slo) -> float:
        """How many times faster than allowed that is."""
        return self.share * slo.window / self.long_s

    def fits(self, slo: Slo) -> bool:
        """Whether it is faster than allowed, and can happen at all."""
        return self.factor(slo) >= 1 and self.bound(slo) < 1

    def bound(self, slo: Slo) -> float:
        """The share of failing runs at which it alerts."""
        return self.factor(slo) * (100 - slo.objective) / 100


FAST = (Pair("1h", HOUR_S, "5m", HOUR_S / 12, 0.02), Pair("6h", 6 * HOUR_S, "30m", HOUR_S / 2, 0.05))
SLOW = (Pair("1d", 24 * HOUR_S, "2h", 2 * HOUR_S, 0.1), Pair("3d", 72 * HOUR_S, "6h", 6 * HOUR_S, 0.1))
WINDOWS = dict(
    sorted(
        (one for pair in (*FAST, *SLOW) for one in ((pair.short, pair.short_s), (pair.long, pair.long_s))),
        key=lambda one: one[1],
    )
)
"""The seconds of every window, by name, the shortest first."""
