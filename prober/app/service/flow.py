"""A result's way through a running prober: vouched for, recorded, shown, copied; and its state's way back."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prober.app.alarm import Alarm
from prober.app.service.outlets import Outlets
from prober.app.troubles import Troubles
from prober.model import Check, Result
from prober.selfwatch import Egress
from prober.sinks.prometheus import Exposition
from prober.state import State

CHANGED = "a reload has changed or removed the check"
STATES_AT_ONCE = 50  # taken without a pause for the probes


@dataclass
class Flow:
    """Takes results wherever they were measured: the ``Listener`` of a ``Runner``."""

    exposition: Exposition
    troubles: Troubles
    alarm: Callable[[], Alarm]
    egress: Callable[[], Egress]
    outlets: Outlets
    on_undecided: Callable[[str, bool], None]
    on_result: Callable[[Result], None]
    on_lost: Callable[[str, str, str], None] = lambda check_id, run_id, why: None
    """A run of a check has come to nothing, and why; which one it was is not always known."""
    known: Mapping[str, Check] = field(default_factory=dict)
    latest: dict[str, Result] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _doubted: dict[str, deque[tuple[Check, Result, Callable[[], None]]]] = field(default_factory=dict)
    """By check id: results that wait for somebody to vouch for the first of them, in order."""
    _vouching: set[asyncio.Task[None]] = field(default_factory=set)
    _fresh_states: deque[tuple[str, State]] = field(default_factory=deque)

    def adopt(self, checks: tuple[Check, ...]) -> None:
        """Take results of ``checks``, and of no others, from now on."""
        before, self.known = self.known, {check.id: check for check in checks}
        for gone in before.keys() - self.known.keys():
            self.exposition.remove(gone)
            self.latest.pop(gone, None)
            self.states.pop(gone, None)
            self.troubles.forget(gone)
            self.on_lost(gone, "", CHANGED)
        for check in checks:
            self.exposition.add(check)

    def take(self, check: Check, result: Result, ended: Callable[[], None]) -> None:
        waiting = self._doubted.get(check.id)
        if waiting is not None:
            waiting.append((check, result, ended))
        elif self.egress().doubts(result):
            self._doubted[check.id] = deque([(check, result, ended)])
            task = asyncio.create_task(self._vouch(check.id))
            self._vouching.add(task)
            task.add_done_callback(self._vouching.discard)
        else:
            self._settle(check, result, ended)

    def show(self, result: Result) -> None:
        """Show what an earlier process took, which is recorded already."""
        if result.check.id in self.known:
            self.latest[result.check.id] = result
            self.exposition.offer(result)

    def count_missed(self, check_id: str, n: int) -> None:
        self.exposition.count_missed(check_id, n)

    def count_cancelled(self, check_id: str) -> None:
        self.exposition.count_cancelled(check_id)
        self.on_lost(check_id, "", "it was cancelled")

    def observe_lag(self, seconds: float) -> None:
        self.exposition.observe_lag(seconds)

    async def close(self) -> None:
        """Wait no longer for anybody to vouch for anything."""
        for task in self._vouching:
            task.cancel()
        await asyncio.gather(*self._vouching, return_exceptions=True)

    def hand_over_state(self, check_id: str, state: State) -> None:
        """Called in the recorder's thread; what follows happens on the loop, which may be closing."""
        self._fresh_states.append((check_id, state))
        if len(self._fresh_states) == 1:  # whoever is taking them takes this one too
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._take_states)

    async def _vouch(self, check_id: str) -> None:
        waiting = self._doubted[check_id]
        try:
            while waiting:
                check, result, ended = waiting[0]
                result = await self.egress().vouch(result)
                waiting.popleft()
                self._settle(check, result, ended)
        finally:
            del self._doubted[check_id]

    def _settle(self, check: Check, result: Result, ended: Callable[[], None]) -> None:
        try:
            known = self.known.get(check.id)
            if known is check or known == check:  # a reload may have changed or removed it meanwhile
                self._publish(result)
            else:
                self.on_lost(check.id, result.run_id, CHANGED)
        finally:
            ended()

    def _publish(self, result: Result) -> None:
        result = self.outlets.linked(result)
        self.troubles.take(result)
        # First: nothing that only shows or copies may come between a result and its alert.
        self.alarm().recorder.put(result)
        self.latest[result.check.id] = result
        self.exposition.offer(result)
        self.outlets.offer(result)
        self.on_result(result)

    def _take_states(self) -> None:
        """Take what was committed: a batch may hold thousands, and each would wake the loop."""
        try:
            for _ in range(min(STATES_AT_ONCE, len(self._fresh_states))):
                self._take_state(*self._fresh_states.popleft())
        finally:
            if self._fresh_states:
                self._loop.call_soon(self._take_states)

    def _take_state(self, check_id: str, state: State) -> None:
        """A state that was committed: shown from now on, and deciding on re-checks."""
        if check_id not in self.known:
            return
        self.states[check_id] = state
        self.exposition.set_state(check_id, state.verdict, state.failures)
        self.on_undecided(check_id, state.undecided)
