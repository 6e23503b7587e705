"""The thread that feeds CloudWatch: a bounded queue, batches, retries with full jitter, no datum lost uncounted."""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from prober.clock import Clock
from prober.faults import Permanent, Retryable
from prober.log import Log
from prober.model import Result
from prober.sinks.cloudwatch.data import Datum, data_of, flaw, size_bytes
from prober.sinks.cloudwatch.spec import Spec

BATCH_DATA = 1_000
BATCH_BYTES = 900_000  # of the million a request may have; sizes are estimated from above
QUEUE_BYTES = 32 * 1024 * 1024
CLOSING_WAIT_S = 0.5  # a backoff of half a minute would use up the grace of a close
BISECTIONS = 40  # requests spent on finding what a refused batch was refused for

_log = Log(__name__)


class Puts(Protocol):
    """What takes a batch away: ``service.Service``."""

    def put(self, data: list[Datum]) -> None:
        """Send ``data``. Raises Retryable or Permanent."""
        ...

    def close(self) -> None:
        """Give up connections."""
        ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between tries: full jitter under a doubling bound, up to ``cap_s``, for ``give_up_s`` in all."""

    base_s: float = 0.5
    cap_s: float = 30.0
    give_up_s: float = 300.0

    def wait_s(self, tries: int) -> float:
        return random.SystemRandom().uniform(0, min(self.cap_s, self.base_s * 2 ** min(tries, 20)))


class Feed:
    """A Sink; what it counts, ``queued`` and ``dropped``, are data, of which one result makes several."""

    def __init__(self, spec: Spec, clock: Clock, backoff: Backoff | None = None) -> None:
        self._spec = spec
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._changed = threading.Condition()
        self._queue: deque[tuple[Datum, int]] = deque()
        self._queue_bytes = 0
        self._sending = 0
        self._dropped: Counter[str] = Counter(full=0, rejected=0, failed=0)
        self._ends_at: float | None = None
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="cloudwatch", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, result: Result) -> None:
        """Queue the data of ``result``; the oldest go when there is no room, counted as ``full``."""
        now = self._clock.wall()
        good, bad = [], 0
        for datum in data_of(result, self._spec):
            if flaw(datum, now):
                bad += 1
            else:
                good.append((datum, size_bytes(datum)))
        with self._changed:
            self._dropped["rejected"] += bad
            if self._ends_at is not None:
                self._dropped["full"] += len(good)
                return
            self._queue.extend(good)
            self._queue_bytes += sum(size for _, size in good)
            self._make_room()
            if len(self._queue) >= BATCH_DATA:
                self._changed.notify()

    def close(self, grace_s: float) -> None:
        """Send what is queued for at most ``grace_s`` seconds; what is left then counts as ``failed``."""
        with self._changed:
            if self._ends_at is None:
                self._ends_at = monotonic() + grace_s
            self._changed.notify()
        self._thread.join(grace_s)
        with self._changed:
            self._dropped["failed"] += len(self._queue)
            self._queue.clear()
            if self._thread.is_alive():
                self._dropped["failed"] += self._sending
                self._sending = 0

    @property
    def queued(self) -> int:
        """Data waiting to be sent or being sent."""
        with self._changed:
            return len(self._queue) + self._sending

    @property
    def dropped(self) -> Mapping[str, int]:
        """Data given up since the start: ``full`` (no room), ``rejected`` (never valid), ``failed`` (never taken)."""
        with self._changed:
            return dict(self._dropped)

    def _make_room(self) -> None:
        while len(self._queue) > self._spec.queue_limit or self._queue_bytes > QUEUE_BYTES:
            _, size = self._queue.popleft()
            self._queue_bytes -= size
            self._dropped["full"] += 1

    def _run(self) -> None:
        # boto3 takes half a second to import, which neither `validate` nor the probing should wait for.
        from prober.sinks.cloudwatch.service import Service

        service = Service(self._spec)
        while batch := self._next_batch():
            self._deliver(service, batch)
        service.close()

    def _next_batch(self) -> list[Datum]:
        """Wait for a full batch, the flush interval or the end; empty when there is nothing more to do."""
        with self._changed:
            while not self._full_or_closing():
                self._changed.wait_for(self._full_or_closing, self._spec.flush_interval)
                if self._queue:
                    break
            batch: list[Datum] = []
            room = BATCH_BYTES
            while self._queue and len(batch) < BATCH_DATA and (room >= self._queue[0][1] or not batch):
                datum, size = self._queue.popleft()
                self._queue_bytes -= size
                room -= size
                batch.append(datum)
            self._sending = len(batch)
            return batch

    def _full_or_closing(self) -> bool:
        return len(self._queue) >= BATCH_DATA or self._ends_at is not None

    def _deliver(self, service: Puts, batch: list[Datum]) -> None:
        """Send ``batch``; where it is refused for good, halve it until the bad data stand alone."""
        rest, requests = [batch], 0
        while rest:
            part = rest.pop()
            requests += 1
            try:
                self._put(service, part)
            except Retryable as fault:
                self._settle(part, fault)
            except Permanent as fault:
                if len(part) == 1 or requests > BISECTIONS:
                    self._settle(part, fault)
                else:
                    middle = len(part) // 2
                    rest += [part[middle:], part[:middle]]
            else:
                self._settle(part, None)

    def _put(self, service: Puts, part: list[Datum]) -> None:
        """Try until it is taken or refused for good; raises the last Retryable when the time for tries is over."""
        started, tries = monotonic(), 0
        while True:
            try:
                return service.put(part)
            except Retryable as fault:
                self._tell(str(fault))
                wait_s = self._backoff.wait_s(tries)
                tries += 1
                if monotonic() - started > self._backoff.give_up_s or not self._pause(wait_s):
                    raise

    def _pause(self, wait_s: float) -> bool:
        """Wait, or less when a close comes meanwhile; False when the time that one grants is over."""
        with self._changed:
            if self._ends_at is None:
                self._changed.wait_for(lambda: self._ends_at is not None, wait_s)
                return True
            left_s = self._ends_at - monotonic()
            self._changed.wait(min(wait_s, CLOSING_WAIT_S))  # nobody notifies any more: this is the wait itself
            return left_s > 0

    def _settle(self, part: list[Datum], fault: Retryable | Permanent | None) -> None:
        with self._changed:
            if self._sending:  # 0 once close() has given up on them and counted them
                self._sending -= len(part)
                self._dropped["failed"] += len(part) if fault else 0
        self._tell(str(fault) if fault else "")

    def _tell(self, trouble: str) -> None:
        """Log a change of what is wrong, not each time it is."""
        kind = trouble.partition(":")[0]
        if kind == self._trouble:
            return
        self._trouble = kind
        if kind:
            _log.warning("cloudwatch does not take data", problem=trouble, aws_region=self._spec.aws_region)
        else:
            _log.info("cloudwatch takes data again", aws_region=self._spec.aws_region)
