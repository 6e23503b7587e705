"""The recording thread: every result in order, one transaction per batch, and only then is anybody told."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from prober.alerting.backlog import Backlog
from prober.alerting.draft import Draft
from prober.alerting.plan import Route
from prober.clock import Clock, SystemClock, iso
from prober.faults import describe
from prober.model import Check, Result, Transition, Verdict
from prober.state import State
from prober.store import Batch, Store, StoreFault, Told

CAPACITY = 50_000
BATCH = 5_000
LINGER_S = 1.0
"""For how long a steady ``up`` may wait for company before it is written."""
LONGEST_WAIT_S = 5.0
"""Between two tries of a store that does not take what it is given."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Roster:
    """The checks that run here, and the routes their notices take."""

    check_ids: frozenset[str]
    routes: tuple[Route, ...]

    @classmethod
    def of(cls, checks: Iterable[Check], routes: Sequence[Route]) -> Roster:
        """The roster of ``checks``."""
        return cls(frozenset(check.id for check in checks), tuple(routes))


class Recorder:
    """Takes every result of one region; owns its states and open incidents."""

    def __init__(
        self,
        store: Store,
        region: str,
        *,
        on_state: Callable[[str, State], None],
        on_notices: Callable[[], None],
        clock: Clock | None = None,
        capacity: int = CAPACITY,
        linger_s: float = LINGER_S,
    ) -> None:
        """``on_state`` and ``on_notices`` are called in the recording thread, after what they tell was committed."""
        self._store = store
        self._region = region
        self._on_state = on_state
        self._on_notices = on_notices
        self._clock = clock or SystemClock()
        self._linger_s = linger_s
        self._backlog = Backlog(capacity)
        self._states: dict[str, State] = {}
        self._open: dict[str, Told] = {}
        self._roster = Roster(frozenset(), ())
        self._rosters: deque[Roster] = deque(maxlen=1)
        self._giving_up = threading.Event()
        self._store_errors = 0
        self._dropped: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def queued(self) -> int:
        """Results not yet committed nor being committed."""
        return len(self._backlog)

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results given up since the start, by why: ``full``, ``closed``, ``removed`` (of a check that is no more)."""
        return Counter(self._backlog.dropped) + self._dropped

    @property
    def store_errors(self) -> int:
        """How often the store did not take a batch; each was tried again."""
        return self._store_errors

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self, checks: Iterable[Check], routes: Sequence[Route]) -> None:
        """Go on from what the store knows. Raises StoreFault when it cannot tell."""
        self._states = {state.check_id: state for state in map(_state, self._store.states()) if self._ours(state)}
        self._open = {
            told.incident.check_id: told for told in self._store.open_incidents() if self._ours(told.incident)
        }
        self.configure(checks, routes)
        for check_id in self._rosters[0].check_ids & self._states.keys():
            self._on_state(check_id, self._states[check_id])
        self._thread.start()

    def configure(self, checks: Iterable[Check], routes: Sequence[Route]) -> None:
        """Go on with these. Counters and incidents stay; an incident of a check that is gone ends, and is told to."""
        self._rosters.append(Roster.of(checks, routes))
        self._backlog.poke()

    def put(self, result: Result) -> None:
        """Take ``result``; never blocks, never raises."""
        if result.observation.body is not None:
            result = replace(result, observation=replace(result.observation, body=None))
        state = self._states.get(result.check.id)
        steady = state is not None and state.verdict is Verdict.UP and not state.failures
        self._backlog.put(result, urgent=not (steady and result.verdict is Verdict.UP))

    def close(self, grace_s: float) -> None:
        """Commit what was put, for at most ``grace_s`` seconds, and stop."""
        self._backlog.close()
        if self._thread.is_alive():
            self._thread.join(grace_s)
            self._giving_up.set()
            self._thread.join(LONGEST_WAIT_S * 2)
        if self.queued:
            _log.error("results lost at the end", results=self.queued)

    def _ours(self, owned: Any) -> bool:
        return bool(owned.region == self._region)

    # Everything below runs in the thread.

    def _run(self) -> None:
        while not self._giving_up.is_set():
            results = self._backlog.take(BATCH, self._linger_s)
            if results is None:
                return
            draft = self._draft(results)
            batch = draft.batch()
            if batch.results or batch.forgotten:
                self._write(draft, batch)

    def _draft(self, results: Iterable[Result]) -> Draft:
        draft = Draft(self._region, self._states, self._open)
        with contextlib.suppress(IndexError):
            self._roster = self._rosters.pop()
            for check_id in (self._states.keys() | self._open.keys()) - self._roster.check_ids:
                draft.forget(check_id, self._clock.wall())
        for result in results:
            if result.check.id in self._roster.check_ids:
                draft.record(result, self._roster.routes)
            else:
                self._dropped["removed"] += 1
        return draft

    def _write(self, draft: Draft, batch: Batch) -> None:
        if not self._committed(batch):
            _log.error("results lost at the end", results=len(batch.results))
            return
        self._states |= draft.states
        for check_id in draft.forgotten:
            self._states.pop(check_id, None)
        self._open = draft.open_incidents
        for transition in batch.transitions:
            _log.info("state changed", **_words(transition))
        for check_id, state in draft.states.items():
            self._on_state(check_id, state)
        if batch.notices:
            self._on_notices()

    def _committed(self, batch: Batch) -> bool:
        wait_s = 0.1
        while True:
            try:
                self._store.commit(batch)
            except StoreFault as fault:
                self._store_errors += 1
                _log.error("results not stored, trying again", error=describe(fault), queued=self.queued)
            else:
                return True
            if self._giving_up.wait(wait_s):
                return False
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)


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
