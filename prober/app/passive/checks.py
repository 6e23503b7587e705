"""The heartbeat checks of a running prober: signals and lateness become results like those of any run.

All of it happens on the main loop, one thing at a time.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prober.app.passive import pulse as pulses
from prober.app.passive.keeping import Keeper, document_of, restored
from prober.app.passive.pulse import Finding, Pulse
from prober.app.passive.rhythm import Rhythm, rhythm_of
from prober.app.targets import Place
from prober.clock import Clock
from prober.faults import describe
from prober.log import Log
from prober.model import Check, Observation, Result
from prober.probes.heartbeat import Spec
from prober.state import State
from prober.store import Store, StoreFault

LOOK_S = 1.0
STILL_S = 10.0
"""Not looked for longer than this, the prober was away: stopped, or the machine with it."""
CLOCK_SET_S = 1.0
"""A wall clock that is off by more than this from where it went by itself was set."""
KEEP_S = 15.0
COMMIT_S = 8.0
"""Beyond what the store's spare takes to come in, and below what clients wait."""
TURNS = 100
"""What time changes of one check in one look, at most."""
DOUBTED_S = 60.0

Change = Callable[[Pulse, float, Rhythm], tuple[Pulse, Finding | None]]
"""What a signal makes of what is known, now; without a Finding it is not the end of a run."""

_log = Log(__name__)


@dataclass(slots=True)
class _Entry:
    check: Spec
    rhythm: Rhythm
    pulse: Pulse | None = None
    """None until what an earlier process knew has been read."""
    waiting: list[tuple[float, asyncio.Future[None]]] = field(default_factory=list)
    """Who waits until a result that ended then is committed."""


@dataclass
class Passive:
    """Listens to the heartbeat checks of this prober."""

    place: Place
    clock: Clock
    publish: Callable[[Check, Result], None]
    show: Callable[[Result], None]
    """Called with what stands of a check that an earlier process knew: it may say nothing for long."""
    _entries: dict[str, _Entry] = field(default_factory=dict)
    _keeper: Keeper | None = None
    _ahead_s: float = 0.0
    """The wall clock minus the monotonic one, as of the last look."""
    _looked_at: float = 0.0
    _next_at: float = -math.inf
    """Nothing changes by time alone before that."""
    _kept_at: float = -math.inf
    _open: bool = False

    def __post_init__(self) -> None:
        self._ahead_s = self.clock.wall() - self.clock.monotonic()

    def adopt(self, checks: Iterable[Check]) -> None:
        """Listen to those of ``checks`` that are this prober's, and to no others, from now on."""
        before, now = self._entries, self.now()
        ours = [check for check in checks if isinstance(check, Spec) and self.place.runs(check)]
        self._entries = {check.id: self._entry(before.get(check.id), check, now) for check in ours}
        self._next_at = -math.inf

    def begin(self, store: Store, states: Mapping[str, State]) -> None:
        """Go on from what an earlier process left in ``store``, which is this prober's own, and from its ``states``."""
        self._keeper = Keeper(store, self._document)
        kept, now = self._keeper.read(), self.now()
        for check_id, entry in self._entries.items():
            state, rhythm = states.get(check_id), entry.rhythm
            text, known = kept.pulses.get(check_id, (rhythm.text, None))
            found = restored(known, kept.at, state, rhythm)
            if found is None:
                entry.pulse = pulses.first(now, rhythm)
                continue
            if text != rhythm.text:
                found = pulses.retimed(found, now, rhythm)
            listened_at = max(kept.at or 0.0, state.last_at if state else 0.0)
            entry.pulse = pulses.away(found, listened_at, now, rhythm)
            said_at = max(found.signal_at or 0.0, state.last_at if state else 0.0)
            if said_at:
                self.show(self._result(entry, found.standing, said_at, {}))
        self._looked_at, self._next_at, self._open = now, -math.inf, True

    async def serve(self) -> None:
        """Notice what time changes, until cancelled."""
        while True:
            self.look()
            if self._entries and self.clock.monotonic() - self._kept_at >= KEEP_S:
                await self._keep()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Notice what time has changed by now."""
        now = self._time_passed()
        if now < self._next_at or not self._open:
            return
        for entry in self._entries.values():
            for _ in range(TURNS):
                if entry.pulse is None or entry.pulse.next_at > now:
                    break
                entry.pulse, finding = pulses.looked(entry.pulse, now, entry.rhythm)
                if finding is not None:
                    self._tell(entry, finding, now, {})
                    self._kept_at = -math.inf
        self._next_at = min((one.pulse.next_at for one in self._entries.values() if one.pulse), default=math.inf)

    async def hear(self, check_id: str, change: Change, facts: dict[str, Any]) -> bool | None:
        """Take a signal, and say whether it was written down; None where the check is not listened to."""
        entry = self._entries.get(check_id)
        if not self._open or self._keeper is None or entry is None or entry.pulse is None:
            return None
        now, before = self._time_passed(), entry.pulse
        entry.pulse, finding = change(entry.pulse, now, entry.rhythm)
        self._next_at = min(self._next_at, entry.pulse.next_at)
        written: list[Awaitable[None]] = []
        if finding is not None:
            written.append(self._tell(entry, finding, now, facts))
        if entry.pulse.runs.keys() != before.runs.keys() or entry.check.sources is not None or finding is None:
            written.append(self._keeper.keep())  # what no result tells of: runs under way, and what stands
        try:
            async with asyncio.timeout(COMMIT_S):
                await asyncio.gather(*written)
        except (TimeoutError, StoreFault) as fault:
            _log.warning("a signal was taken and not written down yet", check=check_id, error=describe(fault))
            return False
        return True

    def settled(self, check_id: str, state: State) -> None:
        """A state was committed, and with it every result up to then."""
        entry = self._entries.get(check_id)
        if entry is None or not entry.waiting:
            return
        for ended_at, waiter in entry.waiting:
            if ended_at <= state.last_at and not waiter.done():
                waiter.set_result(None)
        entry.waiting = [(ended_at, waiter) for ended_at, waiter in entry.waiting if not waiter.done()]

    def doubted(self, check_id: str) -> None:
        """Its silence may have been our own network's: it is looked at again after its grace, not a period later."""
        entry = self._entries.get(check_id)
        if entry is not None and entry.pulse is not None:
            due_at = self.now() + max(DOUBTED_S, entry.rhythm.grace_s)
            entry.pulse = replace(entry.pulse, due_at=min(entry.pulse.due_at, due_at))
            self._next_at = -math.inf

    def due_in_s(self, check_id: str) -> float | None:
        """Seconds until it is late; None where it is none of ours, or may be silent. Called from any thread."""
        entry = self._entries.get(check_id)
        if entry is None or entry.pulse is None or not entry.rhythm.watched:
            return None
        return entry.pulse.due_at - self.now()

    async def close(self) -> None:
        """Take no more, and keep what is known."""
        if self._open:
            self._open = False
            await self._keep()

    def now(self) -> float:
        """Wall time, which goes on by the monotonic clock between two looks."""
        return self.clock.monotonic() + self._ahead_s

    def _entry(self, before: _Entry | None, check: Spec, now: float) -> _Entry:
        rhythm = rhythm_of(check)
        if before is None:
            return _Entry(check, rhythm, pulses.first(now, rhythm) if self._open else None)
        known = before.pulse
        if known is not None and rhythm.text != before.rhythm.text:
            known = pulses.retimed(known, now, rhythm)
        return _Entry(check, rhythm, known, before.waiting)

    def _time_passed(self) -> float:
        """What time it is, after a clock that was set and an absence of our own were made good."""
        set_s = self.clock.wall() - self.clock.monotonic() - self._ahead_s
        self._ahead_s += set_s
        since, now = self._looked_at + set_s, self.now()
        self._looked_at = now
        was_set, was_away = abs(set_s) > CLOCK_SET_S, now - since > STILL_S
        for entry in self._entries.values() if was_set or was_away else ():
            if entry.pulse is not None and was_set:
                entry.pulse = pulses.moved(entry.pulse, set_s, now, entry.rhythm)
            if entry.pulse is not None and was_away:
                entry.pulse = pulses.away(entry.pulse, since, now, entry.rhythm)
            self._next_at = -math.inf
        return now

    def _tell(self, entry: _Entry, finding: Finding, now: float, facts: dict[str, Any]) -> asyncio.Future[None]:
        """Let ``finding`` be a result; what is returned is done once that is committed."""
        result = self._result(entry, finding, now - finding.duration_s, facts)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry.waiting = [(ended_at, one) for ended_at, one in entry.waiting if not one.done()]
        entry.waiting.append((result.started_at + result.duration_s, waiter))
        self.publish(entry.check, result)
        return waiter

    def _result(self, entry: _Entry, finding: Finding, started_at: float, facts: dict[str, Any]) -> Result:
        if entry.pulse is not None and entry.pulse.signal_at is not None:
            facts = {**facts, "last_signal_at": entry.pulse.signal_at}
        return Result(
            entry.check,
            self.place.region,
            secrets.token_hex(8),
            started_at,
            finding.verdict,
            finding.reason,
            finding.message,
            Observation(finding.duration_s, facts=facts),
        )

    def _document(self) -> dict[str, Any]:
        self._kept_at = self.clock.monotonic()
        known = {name: (one.rhythm.text, one.pulse) for name, one in self._entries.items() if one.pulse}
        return document_of(self.now(), known)

    async def _keep(self) -> None:
        try:
            if self._keeper is not None:
                await self._keeper.keep()
        except StoreFault as fault:
            _log.warning("what is known of heartbeats was not kept", error=describe(fault))
