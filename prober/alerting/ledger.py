"""Where what is recorded goes: the store, or a spare one for as long as the store is away.

On the spare, probing's results wait, and alerts are decided by this region's own view, marked so. When the store is
back, results, incidents and what is still to be sent move over, and all is decided anew by everybody's view.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prober.alerting.setting import CHECKED
from prober.clock import Clock
from prober.faults import describe
from prober.log import Log
from prober.model import Condition, Hush, Incident
from prober.store import Batch, Decision, Scope, Snapshot, Store, StoreFault

AWAY_AFTER_S = 5.0
"""For how long a store may fail before the spare takes over."""
LOOK_EVERY_S = 5.0
"""How often a store that is away is tried."""
FIRST_WAIT_S = 0.1
SPOOL_BYTES = 256 * 1024 * 1024
SPOOL_AGE_S = 86_400.0
MOVE_ROWS = 500
TOLD = "told_elsewhere"
"""Where the spare remembers, over a restart too, who knows of what from the store that is away."""

_OF_CHECKS = (Condition.DOWN, Condition.DEGRADED, Condition.PARTIAL)

_log = Log(__name__)

Judge = Callable[[Snapshot, "Ledger"], Decision]
Knowing = tuple[str, Condition, tuple[str, ...]]
"""A check, what was told of it, and who knows."""


@dataclass(slots=True)
class Ledger:
    """Writes batches, one after another, to the store or its spare. Used by one thread."""

    store: Store
    spare: Store
    region: str
    clock: Clock
    judge: Judge
    states: Callable[[], Batch]
    """All that this region says now, for a store that has missed some of it."""
    errors: int = 0
    """How often the store did not do what it was asked."""
    lost: int = 0
    """Results given up because the spare was full or failed too."""
    away_since: float | None = None
    """By the monotonic clock; None while the store is in reach."""
    contact_since: float = 0.0
    """Since when it was in reach without a break, by its own clock."""
    absent_from: float = 0.0
    """Since when it was away the last time, by its own clock; 0 where it never was."""
    told: dict[str, Knowing] = field(default_factory=dict)
    """By incident: who knew of what when the store was last in reach."""
    staying: dict[str, Knowing] = field(default_factory=dict)
    """The same of incidents that are on the spare and could not be moved yet."""
    hushes: tuple[Hush, ...] | None = None
    """What was to be kept quiet then; None where this process has not seen the store yet."""
    _looked_at: float = 0.0
    _moving: bool = False

    @property
    def away(self) -> bool:
        """Whether the spare is in use."""
        return self.away_since is not None

    @property
    def alone(self) -> bool:
        """Whether this region decides by its own view."""
        return self.away or not self.store.shared

    def open(self) -> None:
        """Find out whether the store is there. Raises StoreFault where one of our own is not."""
        try:
            self.contact_since = self.store.now()
        except StoreFault as fault:
            if not self.store.shared:
                raise
            self._leave(fault, self.clock.monotonic())
            known = self.spare.recall(TOLD) or {}
            self.told = {name: (check, Condition(what), tuple(who)) for name, (check, what, who) in known.items()}
        self._moving = True  # what an earlier process may have left on the spare

    def write(self, batch: Batch, scope: Scope | None, wait: Callable[[float], bool]) -> Decision | None:
        """Write ``batch``, and decide over ``scope`` where there is one; None where nothing was written.

        ``wait`` waits so many seconds, or says True: give up.
        """
        self.look()
        wait_s, began, failures, failing_since = FIRST_WAIT_S, self.clock.monotonic(), 0, 0.0
        while not self.away:
            try:
                return self._commit(self.store, batch, scope)
            except StoreFault as fault:
                self.errors += 1
                failures += 1
                failing_since = failing_since or self.clock.monotonic()
                _log.error("results not stored, trying again", error=describe(fault))
                # One alone says nothing: it may be this process that stood still, and was cut off for that.
                if failures > 1 and self.clock.monotonic() - began >= AWAY_AFTER_S:
                    self._leave(fault, failing_since)
                elif wait(wait_s):
                    _log.error("results lost at the end", results=len(batch.results))
                    return None
                wait_s *= 2
        try:
            return self._commit(self.spare, batch, scope)
        except StoreFault as fault:
            self.errors += 1
            self.lost += len(batch.results)
            _log.error("results lost, the spare store failed too", results=len(batch.results), error=describe(fault))
            return None

    def tend(self, scope: Scope) -> Decision | None:
        """Decide on what time alone has changed; None where nothing has."""
        self.look()
        try:
            current = self.spare if self.away else self.store
            snapshot = current.look(self._within(current, scope))
            if not self.away:
                self._keep_quiet(snapshot.hushes)
            if not self.judge(snapshot, self):
                if not self.away:
                    self._remember(snapshot.incidents)
                return None
            return self._commit(current, Batch(self.region, secrets.token_hex(8)), scope)
        except StoreFault as fault:
            self.errors += 1
            _log.error("the store cannot be looked at", error=describe(fault))
            return None

    def look(self) -> None:
        """Try a store that is away; come back to it, and bring what was written meanwhile."""
        now = self.clock.monotonic()
        if not (self.away or self._moving) or now - self._looked_at < (LOOK_EVERY_S if self.away else 0.5):
            return
        self._looked_at = now
        try:
            contact_since = self.store.now()
            if self.away:
                self._return(contact_since)
            self._moving = not self._moved()
            self.staying = _knowing(self.spare.open_incidents()) if self._moving else {}
        except StoreFault as fault:
            self.errors += 1
            if self.away:
                _log.warning("the store is still away", error=describe(fault))
                self.lost += self.spare.trim(SPOOL_BYTES, SPOOL_AGE_S)

    def _commit(self, store: Store, batch: Batch, scope: Scope | None) -> Decision:
        if scope is None:
            return store.commit(batch)
        seen: list[Incident] = []

        def decide(snapshot: Snapshot) -> Decision:
            decision = self.judge(snapshot, self)
            seen[:] = [*snapshot.incidents, *decision.incidents]
            return decision

        decision = store.commit(batch, decide, self._within(store, scope))
        if store is self.store and seen:
            self._remember(seen)
        return decision

    def _within(self, store: Store, scope: Scope) -> Scope:
        """Under which name standings are kept: this region's, or nobody's where all decide together."""
        return Scope(scope.check_ids, scope.ancestors, None if store.shared else self.region)

    def _remember(self, incidents: Iterable[Incident]) -> None:
        """Keep who knows of what; of an incident that is there twice the latter counts."""
        told = _knowing(incidents)
        if told != self.told:
            self.told = told
            self._keep_told()

    def _keep_quiet(self, hushes: tuple[Hush, ...]) -> None:
        """Let the spare know of ``hushes``, and of no other: one that was lifted must not come back with it."""
        if hushes == self.hushes:
            return
        try:
            now, ids = self.spare.now(), {hush.id for hush in hushes}
            for hush in self.spare.hushes(now):
                if hush.id not in ids:
                    self.spare.end_hush(hush.id, now)
            for hush in hushes:
                self.spare.add_hush(hush)
            self.hushes = hushes
        except StoreFault as fault:
            _log.warning("the spare store does not answer", error=describe(fault))

    def _keep_told(self) -> None:
        try:
            self.spare.remember(TOLD, self.told)
        except StoreFault as fault:
            _log.warning("the spare store does not answer", error=describe(fault))

    def _leave(self, fault: StoreFault, since: float) -> None:
        self.away_since, self._looked_at = since, self.clock.monotonic()
        self._moving = True
        _log.error("the store is away: results are spooled, alerts go by this region's own view", error=describe(fault))
        try:
            self.spare.commit(self.states())  # what other checks depend on must be known there too
        except StoreFault as unkept:
            _log.warning("the spare store does not answer", error=describe(unkept))

    def _return(self, contact_since: float) -> None:
        self.store.commit(self.states())  # first, so that what is decided next rests on the truth
        # The next time that the spare is needed it must not begin with what was true the last time.
        stale = tuple((str(state["check_id"]), str(state["region"])) for state in self.spare.states())
        self.spare.commit(Batch(self.region, secrets.token_hex(8), forgotten=stale))
        self.absent_from = contact_since - (self.clock.monotonic() - (self.away_since or 0.0))
        self.away_since, self.contact_since = None, contact_since
        self._remember(self.store.open_incidents())
        _log.info("the store is back")

    def _moved(self) -> bool:
        """Move a piece of what the spare holds; whether nothing is left there."""
        rows = self.spare.exported(MOVE_ROWS)
        if rows:
            self.store.adopt(rows)
            self.spare.discard(rows)
        cargo = self.spare.pack()
        if cargo:
            self.spare.let_go(self.store.unpack(cargo))
        return not rows and not cargo and not self.spare.pending()


def _knowing(incidents: Iterable[Incident]) -> dict[str, Knowing]:
    latest = {one.id: one for one in incidents if one.condition in CHECKED}
    return {
        one.id: (one.check_id, one.condition, (*one.channels, *one.spared))
        for one in latest.values()
        if not one.finished
    }
