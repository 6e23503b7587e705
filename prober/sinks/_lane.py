"""A bounded queue in front of a system that takes lines of JSON, emptied by a thread of its own.

Bounded by bytes and age. When it is half full, runs that went well are thinned to one a minute of each check; when it
is full, the oldest go. Nothing goes uncounted.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple, Protocol

from prober.faults import Permanent, Retryable
from prober.log import Log
from prober.model import Result, Verdict

THIN_S = 60.0
CLOSING_WAIT_S = 0.5  # a backoff of half a minute would use up the grace of a close
OVERHEAD_BYTES = 200  # what an entry takes beside its text

_log = Log(__name__)


class Entry(NamedTuple):
    """One result on its way."""

    id: str
    body: bytes
    """One line of JSON, without its end."""
    at: float
    """When it was queued, on the monotonic clock."""


class Taken(NamedTuple):
    """What became of a batch."""

    again: Sequence[Entry] = ()
    """Those to be sent again later."""
    rejected: int = 0
    """Those that never will be taken."""
    problem: str = ""
    """Why, in a line, where not all were taken."""


class Outlet(Protocol):
    """What takes batches away."""

    def put(self, batch: Sequence[Entry]) -> Taken:
        """Send ``batch``. Raises Retryable or Permanent where that is the same for all of it."""
        ...

    def close(self) -> None:
        """Give up connections."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much waits, for how long, and how much goes at once."""

    queue_bytes: int = 32 * 1024 * 1024
    max_age_s: float = 3_600.0
    batch_entries: int = 500
    batch_bytes: int = 5 * 1024 * 1024
    flush_s: float = 5.0
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 30.0


class Lane:
    """A Sink over an Outlet."""

    def __init__(
        self, name: str, entry: Callable[[Result], tuple[str, bytes]], outlet: Callable[[], Outlet], limits: Limits
    ) -> None:
        self._name = name
        self._entry = entry
        self._open = outlet
        self._limits = limits
        self._changed = threading.Condition()
        self._queue: deque[Entry] = deque()
        self._queue_bytes = 0
        self._sending = 0
        self._dropped: Counter[str] = Counter(full=0, thinned=0, old=0, rejected=0, failed=0)
        self._kept: dict[str, float] | None = None
        """While results are thinned: when the last good run of a check that was kept began."""
        self._ends_at: float | None = None
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, result: Result) -> None:
        """Queue ``result``, or count it as dropped."""
        with self._changed:
            if self._ends_at is not None or self._is_thinned(result):
                self._dropped["full" if self._ends_at is not None else "thinned"] += 1
                return
        entry = Entry(*self._entry(result), monotonic())
        with self._changed:
            self._queue.append(entry)
            self._queue_bytes += _size(entry)
            self._make_room()
            if self._is_batch_full():
                self._changed.notify()

    def close(self, grace_s: float) -> None:
        """Send what is queued for at most ``grace_s`` seconds; what is left then counts as ``failed``."""
        with self._changed:
            if self._ends_at is None:
                self._ends_at = monotonic() + grace_s
            self._changed.notify()
        self._thread.join(grace_s)
        with self._changed:
            self._dropped["failed"] += len(self._queue) + self._sending
            self._queue.clear()
            self._queue_bytes = self._sending = 0

    @property
    def queued(self) -> int:
        """Results waiting to be sent or being sent."""
        with self._changed:
            return len(self._queue) + self._sending

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results given up since the start: ``full``, ``thinned``, ``old``, ``rejected``, ``failed``."""
        with self._changed:
            return dict(self._dropped)

    # What waits.

    def _is_thinned(self, result: Result) -> bool:
        if self._kept is None or result.verdict is not Verdict.UP:
            return False
        last = self._kept.get(result.check.id)
        if last is not None and 0 <= result.started_at - last < THIN_S:
            return True
        self._kept[result.check.id] = result.started_at
        return False

    def _make_room(self) -> None:
        if self._kept is None and self._queue_bytes > self._limits.queue_bytes // 2:
            self._kept = {}
            _log.warning("a sink is half full, good runs are thinned to one a minute", sink=self._name)
        while self._queue_bytes > self._limits.queue_bytes:
            self._take_first()
            self._dropped["full"] += 1

    def _take_first(self) -> Entry:
        entry = self._queue.popleft()
        self._queue_bytes -= _size(entry)
        if self._kept is not None and self._queue_bytes < self._limits.queue_bytes // 4:
            self._kept = None
        return entry

    def _is_batch_full(self) -> bool:
        return len(self._queue) >= self._limits.batch_entries or self._queue_bytes >= self._limits.batch_bytes

    def _is_due(self) -> bool:
        return self._is_batch_full() or self._ends_at is not None

    # What is sent.

    def _run(self) -> None:
        outlet = self._open()  # here, since its library may take a while to import
        while batch := self._next_batch():
            self._deliver(outlet, batch)
        outlet.close()

    def _next_batch(self) -> list[Entry]:
        """Wait for a full batch, the flush interval or the end; empty when there is nothing more to do."""
        with self._changed:
            while not self._is_due():
                self._changed.wait_for(self._is_due, self._limits.flush_s)
                if self._queue:
                    break
            batch: list[Entry] = []
            room = self._limits.batch_bytes
            while self._queue and len(batch) < self._limits.batch_entries:
                room -= _size(self._queue[0])
                if batch and room < 0:
                    break
                batch.append(self._take_first())
            self._sending = len(batch)
            return batch

    def _deliver(self, outlet: Outlet, batch: Sequence[Entry]) -> None:
        """Send ``batch`` until it was taken, refused for good, or is too old to be of use."""
        tries = 0
        while batch:
            taken, after_s = self._put(outlet, batch)
            self._tell(taken.problem)
            oldest = monotonic() - self._limits.max_age_s
            batch = [entry for entry in taken.again if entry.at > oldest]
            with self._changed:
                if not self._sending:  # a close has given up on them and counted them
                    return
                self._dropped["rejected"] += taken.rejected
                self._dropped["old"] += len(taken.again) - len(batch)
                self._sending = len(batch)
            if batch and not self._pause(tries, after_s):
                self._give_up(batch)
                return
            tries += 1

    def _give_up(self, batch: Sequence[Entry]) -> None:
        with self._changed:
            if self._sending:
                self._dropped["failed"] += len(batch)
                self._sending = 0

    def _put(self, outlet: Outlet, batch: Sequence[Entry]) -> tuple[Taken, float | None]:
        try:
            return outlet.put(batch), None
        except Retryable as fault:
            return Taken(again=batch, problem=str(fault)), fault.after_s
        except Permanent as fault:
            return Taken(rejected=len(batch), problem=str(fault)), None

    def _pause(self, tries: int, after_s: float | None) -> bool:
        """Wait, or less when a close comes meanwhile; False when the time that one grants is over."""
        bound = min(self._limits.backoff_cap_s, self._limits.backoff_base_s * 2 ** min(tries, 20))
        wait_s = random.SystemRandom().uniform(0, bound)
        if after_s is not None:
            wait_s += min(after_s, self._limits.backoff_cap_s)
        with self._changed:
            if self._ends_at is None:
                self._changed.wait_for(lambda: self._ends_at is not None, wait_s)
                return True
            left_s = self._ends_at - monotonic()
            self._changed.wait(min(wait_s, CLOSING_WAIT_S))  # nobody notifies any more: this is the wait itself
            return left_s > 0

    def _tell(self, problem: str) -> None:
        """Log a change of what is wrong, not each time it is."""
        kind = problem.partition(":")[0]
        if kind == self._trouble:
            return
        self._trouble = kind
        if kind:
            _log.warning("a sink does not take results", sink=self._name, problem=problem)
        else:
            _log.info("a sink takes results again", sink=self._name)


def _size(entry: Entry) -> int:
    return len(entry.body) + OVERHEAD_BYTES
