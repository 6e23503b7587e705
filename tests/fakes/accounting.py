"""A store, the meter over it and decisions as the recorder takes them; time moves only when told to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from fakes.alerts import LETTERS, REGION, Way, run
from prober.alerting import Meter, Setting, decide
from prober.alerting.draft import Draft, Thinning
from prober.clock import MovedClock
from prober.model import Check, Condition, Notice, Slo
from prober.state import State
from prober.store import Batch, Decision, Scope, Snapshot, Store

SLO = Slo(objective=99.9)
_numbers = count()


@dataclass
class Office:
    """One prober's alerting side, without its threads."""

    store: Store
    clock: MovedClock
    check: Check
    region: str = REGION
    regions: tuple[str, ...] = ()
    windows: Sequence[Any] = ()
    routes: tuple[Way, ...] = (Way(("ops",)),)
    states: dict[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.meter = Meter(self.store, self.clock.monotonic, lambda: None)
        self.meter.configure([self.check], self.windows)

    def fill(self, letters: Iterable[str], every_s: float = 60.0) -> None:
        """Runs of the past, one every ``every_s`` up to now, of which nothing was decided."""
        verdicts = [LETTERS[letter] for letter in letters]
        first = self.clock.wall() - len(verdicts) * every_s
        made = [
            run(self.check, verdict, next(_numbers), at=first + number * every_s, region=self.region)
            for number, verdict in enumerate(verdicts)
        ]
        self.store.commit(Batch(self.region, f"fill {next(_numbers)}", results=tuple(made)))

    def live(self, letters: Iterable[str], every_s: float = 60.0) -> None:
        """One run each ``every_s``; all that follows from each is decided, and what time alone changes."""
        for letter in letters:
            draft = Draft(self.region, self.states, self._fresh)
            if letter != ".":
                result = run(self.check, LETTERS[letter], next(_numbers), at=self.clock.wall(), region=self.region)
                draft.record(result, Thinning(0.0))
            self.states |= draft.states
            self.store.commit(draft.batch(), self.judge, self.scope(draft.changed))
            self.clock.advance(every_s)
            self.look()

    def look(self) -> None:
        """Count, and decide on it."""
        self.meter.measure()
        self.decide()

    def decide(self) -> Decision:
        if not self.judge(self.store.look(self.scope())):
            return Decision()
        return self.store.commit(Batch(self.region, f"tend {next(_numbers)}"), self.judge, self.scope())

    def scope(self, changed: Iterable[str] = ()) -> Scope:
        alarming = [name for name, burns in self.meter.burns.items() if burns.alarming]
        return Scope(frozenset((*changed, *alarming)), {}, None if self.regions else self.region)

    def judge(self, snapshot: Snapshot) -> Decision:
        return decide(snapshot, self.setting())

    def setting(self) -> Setting:
        return Setting(
            region=self.region,
            checks={self.check.id: self.check},
            routes=self.routes,
            new_id=lambda: f"i{next(_numbers)}",
            freshness_s=self._fresh,
            regions=self.regions,
            windows=tuple(self.windows),
            burns=self.meter.burns,
        )

    def told(self, condition: Condition) -> list[Notice]:
        """What was told of it, in order."""
        notices = [row.notice for row in reversed(self.store.outbox(1_000))]
        return [notice for notice in notices if notice.condition is condition]

    def kinds(self, condition: Condition) -> list[str]:
        return [notice.kind.value for notice in self.told(condition)]

    def held(self, condition: Condition) -> list[str]:
        """Why what is open is not told."""
        return [one.held for one in self.store.open_incidents() if one.condition is condition]

    @staticmethod
    def _fresh(check: Check) -> float:
        return 2 * check.interval + check.timeout
