"""How fast a check uses up what its objective leaves to fail, as figures. Pure; ``meter`` does the counting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prober.model import Condition, Slo
from prober.model.slo import FAST, SLOW, WINDOWS, Pair
from prober.store import Count, Failing

BURNS = (Condition.BURNS_FAST, Condition.BURNS_SLOWLY)
PAIRS: Mapping[Condition, tuple[Pair, ...]] = {Condition.BURNS_FAST: FAST, Condition.BURNS_SLOWLY: SLOW}
CALM = 0.5
"""It is over below this share of the rate that began it, so that it does not come and go with single runs."""

NO_RUNS = Count()


@dataclass(frozen=True, slots=True)
class Burns:
    """How one check's budget of failures is being used up."""

    slo: Slo
    at: float
    """When it was counted, by the store's clock."""
    counts: Mapping[str, Count] = field(default_factory=dict)
    """By window of ``WINDOWS``; without what was under maintenance."""
    whole: Count = NO_RUNS
    """The same over the objective's own window."""
    interval_s: float = 60.0
    failing: Failing | None = None
    """Where it failed of late; looked up only where it alarms."""
    alarming: bool = field(init=False, default=False)
    """Whether there is anything to alert of; reckoned once, since every decision asks."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "alarming", any(self.pair(condition) for condition in BURNS))

    def rate(self, window: str) -> float | None:
        """How many times as fast as allowed it was used up within ``window``; None where nothing ran."""
        count = self.counts.get(window, NO_RUNS)
        return count.bad / count.runs / self._allowed if count.runs else None

    @property
    def left(self) -> float | None:
        """The share of the budget that is left, 1 to below 0; None where nothing ran."""
        return 1 - self.whole.bad / self.whole.runs / self._allowed if self.whole.runs else None

    def pair(self, condition: Condition) -> Pair | None:
        """The windows over which ``condition`` begins to hold, if it does."""
        return next((pair for pair in self._pairs(condition) if self._exceeds(pair, 1.0) and self._enough(pair)), None)

    def lasts(self, condition: Condition) -> bool | None:
        """Whether ``condition`` goes on once it has begun; None where too little ran that could tell."""
        found = [self._exceeds(pair, CALM) for pair in self._pairs(condition)]
        return True if True in found else None if None in found else False

    def widened(self, window: str) -> str:
        """The shortest window from ``window`` on that holds two runs."""
        least_s = max(WINDOWS[window], 2 * self.interval_s)
        return next((name for name, seconds in WINDOWS.items() if seconds >= least_s), window)

    @property
    def _allowed(self) -> float:
        return (100 - self.slo.objective) / 100

    def _pairs(self, condition: Condition) -> tuple[Pair, ...]:
        return tuple(pair for pair in PAIRS[condition] if pair.fits(self.slo))

    def _exceeds(self, pair: Pair, share: float) -> bool | None:
        long, short = (self.rate(self.widened(window)) for window in (pair.long, pair.short))
        return None if long is None or short is None else min(long, short) >= pair.factor(self.slo) * share

    def _enough(self, pair: Pair) -> bool:
        return self.counts.get(self.widened(pair.long), NO_RUNS).bad >= self.slo.min_failures
