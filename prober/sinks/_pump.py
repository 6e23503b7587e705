"""How sinks push: a thread packs what there is into requests and sends them in order, bounded, each loss counted."""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from prober.faults import DeliveryFault, Permanent, Retryable
from prober.log import Log

QUEUE_BYTES = 16 * 1024 * 1024
OLDEST_S = 3_600.0  # what is older is nobody's present, and many services refuse it
CLOSING_WAIT_S = 0.5  # a backoff of half a minute would use up the grace of a close

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request, ready to be sent."""

    body: bytes
    items: int
    """How many things are in it, as losses are counted."""
    made_at: float = field(default_factory=monotonic)
    headers: Mapping[str, str] | None = None
    """What is said of this request alone."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between tries: full jitter under a doubling bound, up to ``cap_s``; never less than a service asks for."""

    base_s: float = 0.5
    cap_s: float = 30.0
    longest_s: float = 300.0
    """A service that asks for more is asked again after this."""

    def wait_s(self, tries: int, asked_s: float | None) -> float:
        drawn_s = random.SystemRandom().uniform(0, min(self.cap_s, self.base_s * 2 ** min(tries, 20)))
        return max(drawn_s, min(asked_s or 0.0, self.longest_s))


class Pump:
    """Packs every ``every_s`` and sends; ``pack`` and ``post`` are called in its thread alone.

    ``post`` returns how many items of the parcel were refused, and raises Retryable or Permanent.
    """

    def __init__(
        self,
        name: str,
        every_s: float,
        pack: Callable[[bool], list[Parcel]],
        post: Callable[[Parcel], int],
        end: Callable[[], None],
        backoff: Backoff | None = None,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._name = name
        self._every_s = every_s
        self._pack, self._post, self._end = pack, post, end
        self._backoff = backoff or Backoff()
        self._queue_bytes = queue_bytes
        self._changed = threading.Condition()
        self._queue: deque[Parcel] = deque()
        self._bytes = 0
        self._dropped: Counter[str] = Counter(full=0, rejected=0, failed=0)
        self._ends_at: float | None = None
        self._woken = False
        self._given_up = False
        self._tries = 0
        self._retry_at = 0.0
        self._trouble = ""
        self._was_crowded = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Pack now."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def drop(self, reason: str, items: int = 1) -> None:
        """Count what never became a parcel."""
        with self._changed:
            self._dropped[reason] += items

    def close(self, grace_s: float) -> None:
        """Pack and send for at most ``grace_s`` seconds; what is left then counts as ``failed``."""
        with self._changed:
            if self._ends_at is None:
                self._ends_at = monotonic() + grace_s
            self._changed.notify()
        self._thread.join(grace_s)
        with self._changed:
            self._given_up = True
            self._dropped["failed"] += self._clear()

    @property
    def crowded(self) -> bool:
        """Whether the queue is half full: time to aggregate, or to leave something out."""
        return self._bytes > self._queue_bytes // 2

    @property
    def closing(self) -> bool:
        """Whether nothing is taken any more."""
        return self._ends_at is not None

    @property
    def queued(self) -> int:
        """Items packed and not yet taken."""
        with self._changed:
            return sum(parcel.items for parcel in self._queue)

    @property
    def dropped(self) -> Mapping[str, int]:
        """Items given up since the start, by reason."""
        with self._changed:
            return dict(self._dropped)

    def _run(self) -> None:
        due = monotonic() + self._every_s
        while not self.closing:
            self._wait(due)
            if self._woken or monotonic() >= due:
                self._woken = False
                due = max(due, monotonic()) + self._every_s
                self._take(self._pack(False))
            self._send()
        self._take(self._pack(True))
        while self._queue and self._left_s() > 0:
            self._wait(min(self._retry_at, monotonic() + CLOSING_WAIT_S))
            self._retry_at = 0.0
            self._send()
        self._end()

    def _left_s(self) -> float:
        return (self._ends_at or 0.0) - monotonic()

    def _wait(self, due: float) -> None:
        """Until there is something to do: pack, or try again."""
        with self._changed:
            if self.closing:
                self._changed.wait(max(0.0, due - monotonic()))  # nobody notifies any more: this is the wait itself
                return
            until = min(due, self._retry_at) if self._queue else due
            self._changed.wait_for(lambda: self._woken or self.closing, max(0.0, until - monotonic()))

    def _take(self, parcels: list[Parcel]) -> None:
        with self._changed:
            self._queue.extend(parcels)
            self._bytes += sum(len(parcel.body) for parcel in parcels)
            while self._bytes > self._queue_bytes and len(self._queue) > 1:
                self._dropped["full"] += self._shift()
            while self._queue and monotonic() - self._queue[0].made_at > OLDEST_S:
                self._dropped["failed"] += self._shift()
        if self.crowded is not self._was_crowded:
            self._was_crowded = self.crowded
            told = "is half full: less is sent in greater detail" if self.crowded else "has room again"
            _log.warning(f"the queue of {self._name} {told}", bytes=self._bytes)

    def _send(self) -> None:
        """Send until there is nothing left or the service does not take it."""
        while self._queue and monotonic() >= self._retry_at and (not self.closing or self._left_s() > 0):
            parcel = self._queue[0]
            try:
                refused = self._post(parcel)
            except Retryable as fault:
                self._retry_at = monotonic() + self._backoff.wait_s(self._tries, fault.after_s)
                self._tries += 1
                self._tell(fault)
            except Permanent as fault:
                self._settle(parcel.items)
                self._tell(fault)
            else:
                self._settle(refused)
                self._tell(None)

    def _settle(self, refused: int) -> None:
        self._tries, self._retry_at = 0, 0.0
        with self._changed:
            if not self._given_up:  # close() has counted what it gave up on
                self._dropped["rejected"] += refused
                self._shift()

    def _shift(self) -> int:
        parcel = self._queue.popleft()
        self._bytes -= len(parcel.body)
        return parcel.items

    def _clear(self) -> int:
        items = sum(parcel.items for parcel in self._queue)
        self._queue.clear()
        self._bytes = 0
        return items

    def _tell(self, fault: DeliveryFault | None) -> None:
        """Log a change of what is wrong, not each time it is."""
        kind = str(fault).partition(":")[0] if fault else ""
        if kind == self._trouble:
            return
        self._trouble = kind
        if fault:
            _log.warning(f"{self._name} does not take data", problem=str(fault))
        else:
            _log.info(f"{self._name} takes data again")
