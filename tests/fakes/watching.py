"""A prober's word on checks, run by run, brought into a store as the recorder does."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace

from fakes.alerts import AT, LETTERS, REGION, run
from prober.alerting.draft import Draft, Thinning
from prober.model import Check, Observation, Result
from prober.schedule import freshness_s
from prober.state import State
from prober.store import Store


class Watching:
    """One region's prober."""

    def __init__(self, store: Store, region: str = REGION, thin_s: float = 0.0) -> None:
        self.store = store
        self.region = region
        self._thinning = Thinning(thin_s)
        self._states: dict[str, State] = {}

    def sees(
        self, check: Check, letters: str, at: float = AT, every_s: float = 30.0, took_s: float | Iterable[float] = 0.5
    ) -> list[Result]:
        """One run per letter (u, g, d, ?), the first at ``at``; what of them was handed over."""
        takes = [took_s] * len(letters) if isinstance(took_s, float) else list(took_s)
        results = [
            replace(
                run(check, LETTERS[letter], at=at + every_s * number, region=self.region),
                run_id=secrets.token_hex(8),
                observation=Observation(took, phases={"connect": took / 4, "total": took}),
            )
            for number, (letter, took) in enumerate(zip(letters, takes, strict=True))
        ]
        self.hands_over(results)
        return results

    def hands_over(self, results: Iterable[Result]) -> None:
        """Commit them, in as many transactions as it takes."""
        draft = self._draft()
        for result in results:
            if not draft.record(result, self._thinning):
                self._write(draft)
                draft = self._draft()
                draft.record(result, self._thinning)
        self._write(draft)

    def _draft(self) -> Draft:
        return Draft(self.region, self._states, freshness_s)

    def _write(self, draft: Draft) -> None:
        self.store.commit(draft.batch())
        self._states = self._states | draft.states
