"""The recording thread: every result in order, one transaction per batch, and only then is anybody told."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from prober.alerting.backlog import Backlog
from prober.alerting.burns import Burns
from prober.alerting.decide import decide
from prober.alerting.draft import Draft, Thinning, written
from prober.alerting.ledger import Knowing, Ledger
from prober.alerting.setting import SILENT_AFTER_S, Grouping, Route, Setting, Sighting, Window
from prober.clock import Clock, SystemClock, iso
from prober.faults import describe
from prober.log import Log
from prober.model import Check, Condition, Incident, Result, Transition, Verdict
from prober.pace import paced
from prober.shard import WHOLE, Shard
from prober.state import State
from prober.store import Batch, Decision, Scope, Snapshot, Store

CAPACITY = 50_000
BATCH = 5_000
LINGER_S = 1.0
"""For how long a steady ``up`` may wait for company before it is written."""
TEND_S = 2.0
"""How often the passing of time alone is looked at ..."""
TEND_SHARE = 0.05
"""... or less often, where many incidents make that dear."""
LONGEST_WAIT_S = 5.0
HANDED_AT_ONCE = 100
OWN_VIEW = "quorum: unavailable, this is the view of {} alone"
EMERGENCY = "store: unavailable, this alert may be repeated or lost if the prober restarts"

_CALM = frozenset({Verdict.UP, Verdict.UNKNOWN})

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Roster:
    """What is watched, and who is told how."""

    here: frozenset[str]
    """The checks that run in this region."""
    checks: Mapping[str, Check]
    """Those of all regions."""
    regions: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    windows: tuple[Window, ...] = ()
    grouping: Grouping | None = None
    ancestors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    """Who hears of the prober's own troubles, whatever the routes say."""
    silent_after_s: float = SILENT_AFTER_S
    shard: Shard = WHOLE
    """Which part of this region's checks is this prober's."""

    @classmethod
    def of(
        cls,
        here: Iterable[Check],
        routes: Sequence[Route] = (),
        *,
        checks: Iterable[Check] = (),
        regions: Sequence[str] = (),
        windows: Sequence[Window] = (),
        grouping: Grouping | None = None,
        channels: Sequence[str] = (),
        silent_after_s: float = SILENT_AFTER_S,
        shard: Shard = WHOLE,
    ) -> Roster:
        """The roster of the checks that run ``here``, among all ``checks`` of all ``regions``."""
        ours = {check.id: check for check in here}
        known = {check.id: check for check in checks} | ours
        return cls(
            frozenset(ours),
            known,
            tuple(regions),
            tuple(routes),
            tuple(windows),
            grouping,
            _ancestors(known),
            tuple(channels),
            silent_after_s,
            shard,
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the recorder asks of the running prober, and whom it tells; all of it is called in the recording thread."""

    on_state: Callable[[str, State], None]
    """A state that was committed."""
    on_notices: Callable[[bool], None]
    """Notices were committed: to the spare store, if so."""
    troubles: Callable[[], Mapping[str, str]] = dict
    """What is wrong with this prober, in a line each."""
    links: Callable[[Incident], tuple[tuple[str, str], ...]] = lambda _: ()
    freshness_s: Callable[[Check], float] = lambda check: 2 * check.interval + check.timeout
    burns: Callable[[], Mapping[str, Burns]] = dict
    """How fast checks use up their budgets, as counted last."""
    beat: Callable[[bool], None] = lambda _: None
    """Called now and then, while the store is in reach; with True once it is back."""


class Recorder:
    """Takes every result of one region; owns its states."""

    def __init__(
        self,
        store: Store,
        spare: Store,
        region: str,
        around: Surroundings,
        *,
        clock: Clock | None = None,
        capacity: int = CAPACITY,
        linger_s: float = LINGER_S,
        thin_s: float = 0.0,
    ) -> None:
        self._region = region
        self._around = around
        self._clock = clock or SystemClock()
        self._linger_s = linger_s
        self._backlog = Backlog(capacity)
        self._states: dict[str, State] = {}
        self._sightings: dict[str, Sighting] = {}
        self._thinning = Thinning(thin_s)
        self._roster = Roster(frozenset(), {})
        self._rosters: deque[Roster] = deque(maxlen=1)
        self._giving_up = threading.Event()
        self._dropped: Counter[str] = Counter()
        self._ledger = Ledger(store, spare, region, self._clock, self._judge, self._everything)
        self._tend_at = self._beat_at = 0.0
        self._was_away = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def queued(self) -> int:
        """Results not yet committed nor being committed."""
        return len(self._backlog)

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results given up since the start, by why: full, closed, spool, removed (of a check that is no more)."""
        spooled = {"spool": self._ledger.lost} if self._ledger.lost else {}
        return Counter(self._backlog.dropped) + self._dropped + Counter(spooled)

    @property
    def store_errors(self) -> int:
        """How often the store did not take a batch; each was tried again, or went to the spare."""
        return self._ledger.errors

    @property
    def away(self) -> bool:
        """Whether the store is away."""
        return self._ledger.away

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def states(self) -> Mapping[str, State]:
        """By check id, what is known of this region's checks."""
        return self._states

    def start(self, roster: Roster) -> None:
        """Go on from what the store knows. Raises StoreFault when one of our own cannot tell."""
        self._ledger.open()
        current = self._ledger.spare if self._ledger.away else self._ledger.store
        states = map(_state, current.states())
        # What is not here any more will be forgotten: another shard's checks are not this one's to forget.
        ours = (state for state in states if state.region == self._region and roster.shard.owns(state.check_id))
        self._states = {state.check_id: state for state in ours}
        self.configure(roster)
        for check_id in roster.here & self._states.keys():
            self._around.on_state(check_id, self._states[check_id])
        self._thread.start()

    def configure(self, roster: Roster) -> None:
        """Go on with these. Counters and incidents stay; an incident of a check that is gone ends, and is told to."""
        self._rosters.append(roster)
        self._backlog.poke()

    def put(self, result: Result) -> None:
        """Take ``result``; never blocks, never raises."""
        if result.observation.body is not None:
            result = replace(result, observation=replace(result.observation, body=None))
        self._backlog.put(result, urgent=not self._expected(result))

    def _expected(self, result: Result) -> bool:
        """Whether ``result`` is good news of a check that nobody worries about: such can wait for company, but for
        that which somebody brought who waits for an answer.
        """
        state = self._states.get(result.check.id)
        steady = state is None or (state.verdict in _CALM and not state.failures)
        return steady and result.verdict is Verdict.UP and not result.check.pushed

    def poke(self) -> None:
        """Somebody acknowledged or silenced something: look at once."""
        self._tend_at = 0.0
        self._backlog.poke()

    def close(self, grace_s: float) -> None:
        """Commit what was put, for at most ``grace_s`` seconds, and stop."""
        self._backlog.close()
        if self._thread.is_alive():
            self._thread.join(grace_s)
            self._giving_up.set()
            self._thread.join(LONGEST_WAIT_S * 2)
        if self.queued:
            _log.error("results lost at the end", results=self.queued)

    # Everything below runs in the thread.

    def _run(self) -> None:
        while not self._giving_up.is_set():
            results = self._backlog.take(BATCH, self._linger_s, TEND_S)
            if results is None:
                return
            self._record(results)
            self._tend()
            self._beat()

    def _record(self, results: Iterable[Result]) -> None:
        draft = Draft(self._region, self._states, self._around.freshness_s)
        with contextlib.suppress(IndexError):
            self._roster = self._rosters.pop()
            for check_id in self._states.keys() - self._roster.here:
                draft.forget(check_id)
            self._tend_at = 0.0
        for result in paced(results):
            if result.check.id not in self._roster.here:
                self._dropped["removed"] += 1
            elif not draft.record(result, self._thinning):
                self._write(draft)
                draft = Draft(self._region, self._states, self._around.freshness_s)
                draft.record(result, self._thinning)
        self._write(draft)

    def _write(self, draft: Draft) -> None:
        batch = draft.batch()
        if not (batch.results or batch.states or batch.forgotten):
            return
        self._sightings |= draft.sightings
        scope = self._scope(draft.changed) if draft.changed else None
        before = self._states
        self._states = before | draft.states  # a store that comes back is told what is true now
        errors = self._ledger.errors
        decision = self._ledger.write(batch, scope, self._giving_up.wait)
        if decision is None:
            self._states = before  # what was not decided on must come about once more
            return
        for check_id in draft.forgotten:
            for known in (self._states, self._sightings):
                known.pop(check_id, None)
            self._thinning.forget(check_id)
        for transition in batch.transitions:
            _log.info("state changed", **_words(transition))
        for check_id, state in paced(draft.states.items(), HANDED_AT_ONCE):
            self._around.on_state(check_id, state)
        self._tell(decision, errors)

    def _beat(self) -> None:
        """Give the sign of life, however long looking at what time has changed takes."""
        back, self._was_away = self._was_away and not self._ledger.away, self._ledger.away
        now = self._clock.monotonic()
        if back or (now >= self._beat_at and not self._ledger.away):
            self._beat_at = now + TEND_S
            self._around.beat(back)

    def _tend(self) -> None:
        began = self._clock.monotonic()
        if began < self._tend_at:
            return
        errors = self._ledger.errors
        decision = self._ledger.tend(self._scope())
        took_s = self._clock.monotonic() - began
        self._tend_at = began + max(TEND_S, took_s / TEND_SHARE)
        self._tell(decision or Decision(), errors)

    def _tell(self, decision: Decision, errors: int) -> None:
        # Where the store has failed since, it may have committed what it did not answer, and says nothing of it later.
        if decision.notices or self._ledger.errors > errors:
            self._around.on_notices(self._ledger.away)

    def _scope(self, changed: Iterable[str] = ()) -> Scope:
        alarming = (name for name, burns in self._around.burns().items() if burns.alarming)
        return Scope(frozenset((*changed, *alarming)), self._roster.ancestors)

    def _judge(self, snapshot: Snapshot, ledger: Ledger) -> Decision:
        return decide(snapshot, self._setting(ledger))

    def _setting(self, ledger: Ledger) -> Setting:
        roster, together = self._roster, () if ledger.alone else self._roster.regions
        note = "" if not ledger.away else OWN_VIEW.format(self._region) if ledger.store.shared else EMERGENCY
        troubles = dict(self._around.troubles())
        if ledger.away:
            troubles["store"] = "the store is away: results are spooled, alerts go by this region's own view"
        return Setting(
            region=self._region,
            name=roster.shard.name(self._region),
            checks=roster.checks if together else {name: roster.checks[name] for name in roster.here},
            routes=roster.routes,
            channels=roster.channels,
            new_id=lambda: secrets.token_hex(8),
            freshness_s=self._around.freshness_s,
            regions=together,
            spare=ledger.away,
            windows=roster.windows,
            grouping=roster.grouping,
            contact_since=ledger.contact_since,
            silent_after_s=roster.silent_after_s,
            troubles=troubles,
            sightings=self._sightings,
            burns=self._around.burns(),
            spared=_spared(ledger.told if ledger.away else ledger.staying),
            absent_from=ledger.absent_from,
            note=note,
            links=self._around.links,
        )

    def _everything(self) -> Batch:
        """All that this region says now."""
        known = [(state, self._roster.checks.get(name)) for name, state in self._states.items()]
        states = tuple(written(state, self._around.freshness_s(check)) for state, check in known if check is not None)
        return Batch(self._region, secrets.token_hex(8), states=states)


def _spared(told: Mapping[str, Knowing]) -> dict[tuple[str, Condition], tuple[str, ...]]:
    spared: dict[tuple[str, Condition], tuple[str, ...]] = {}
    for check_id, condition, channels in told.values():
        spared[check_id, condition] = (*spared.get((check_id, condition), ()), *channels)
    return spared


def _ancestors(checks: Mapping[str, Check]) -> dict[str, tuple[str, ...]]:
    """By check id: what it depends on, however indirectly."""

    def above(check_id: str, found: dict[str, None]) -> dict[str, None]:
        for name in checks[check_id].depends_on if check_id in checks else ():
            if name not in found:
                found[name] = None
                above(name, found)
        return found

    return {name: tuple(above(name, {})) for name, check in checks.items() if check.depends_on}


def _state(values: Mapping[str, Any]) -> State:
    try:
        return State.from_dict(values)
    except (KeyError, TypeError, ValueError) as fault:
        _log.error("a stored state is not readable, starting anew", check=values["check_id"], error=describe(fault))
        return State(values["check_id"], values["region"])


def _words(transition: Transition) -> dict[str, Any]:
    return {
        "check": transition.check_id,
        "region": transition.region,
        "before": transition.before.value,
        "after": transition.after.value,
        "since": iso(transition.since),
    }
