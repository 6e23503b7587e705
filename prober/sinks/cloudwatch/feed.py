"""The thread that feeds AWS: batches from a backlog, retries with full jitter, nothing lost uncounted."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Generic, Protocol, TypeVar

from prober.faults import Permanent, Retryable
from prober.log import Log
from prober.model import Result
from prober.sinks.cloudwatch.backlog import Backlog, Waiting

CLOSING_WAIT_S = 0.5  # a backoff of half a minute would use up the grace of a close
BISECTIONS = 40  # requests spent on finding what a refused batch was refused for

Item = TypeVar("Item", bound=Waiting)
Taken = TypeVar("Taken", bound=Waiting, contravariant=True)

_log = Log(__name__)


class Puts(Protocol[Taken]):
    """What takes a batch away."""

    def put(self, items: Sequence[Taken]) -> int:
        """Send ``items``; how many of them were refused while the others were taken. Raises Retryable or Permanent."""
        ...

    def close(self) -> None:
        """Give up connections."""
        ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between tries: full jitter under a doubling bound, up to ``cap_s``, until data are ``give_up_s`` old."""

    base_s: float = 0.5
    cap_s: float = 30.0
    give_up_s: float = 7_200.0

    def wait_s(self, tries: int) -> float:
        return random.SystemRandom().uniform(0, min(self.cap_s, self.base_s * 2 ** min(tries, 20)))


class Feed(Generic[Item]):
    """A Sink; what it counts, ``queued`` and ``dropped``, is what its backlog makes of results."""

    def __init__(
        self,
        name: str,
        backlog: Backlog[Item],
        connect: Callable[[], Puts[Item]],
        flush_interval_s: float,
        backoff: Backoff,
    ) -> None:
        self._name = name
        self._backlog = backlog
        self._connect = connect
        self._flush_interval_s = flush_interval_s
        self._backoff = backoff
        self._changed = threading.Condition()
        self._sending = 0
        self._ends_at: float | None = None
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, result: Result) -> None:
        """Queue what ``result`` makes; when there is no room the oldest go, counted as ``full``."""
        with self._changed:
            self._backlog.add(result)
            if self._ends_at is not None:
                self._backlog.dropped["full"] += self._backlog.clear()
            elif self._backlog.ready():
                self._changed.notify()

    def close(self, grace_s: float) -> None:
        """Send what is queued for at most ``grace_s`` seconds; what is left then counts as ``failed``."""
        with self._changed:
            if self._ends_at is None:
                self._ends_at = monotonic() + grace_s
            self._changed.notify()
        self._thread.join(grace_s)
        with self._changed:
            self._backlog.dropped["failed"] += self._backlog.clear()
            if self._thread.is_alive():
                self._backlog.dropped["failed"] += self._sending
                self._sending = 0

    @property
    def queued(self) -> int:
        """What waits to be sent or is being sent."""
        with self._changed:
            return self._backlog.waiting + self._sending

    @property
    def dropped(self) -> Mapping[str, int]:
        """Given up since the start: ``full`` (no room), ``rejected`` (never valid), ``failed`` (never taken), and
        ``thinned`` where it was left out so that others had room."""
        with self._changed:
            return dict(self._backlog.dropped)

    def _run(self) -> None:
        service = self._connect()
        while batch := self._next_batch():
            self._deliver(service, batch)
        service.close()

    def _next_batch(self) -> list[Item]:
        """Wait for a full batch, the flush interval or the end; empty when there is nothing more to do."""
        with self._changed:
            while True:
                self._changed.wait_for(self._ready_or_closing, self._flush_interval_s)
                closing = self._ends_at is not None
                batch = self._backlog.take(closing)
                if batch or closing:
                    self._sending = _weight(batch)
                    return batch

    def _ready_or_closing(self) -> bool:
        return self._ends_at is not None or self._backlog.ready()

    def _deliver(self, service: Puts[Item], batch: list[Item]) -> None:
        """Send ``batch``; where it is refused for good, halve it until the bad ones stand alone."""
        rest, requests = [batch], 0
        while rest:
            part = rest.pop()
            requests += 1
            try:
                refused = self._put(service, part)
            except Retryable as fault:
                self._settle(part, failed=_weight(part), trouble=str(fault))
            except Permanent as fault:
                if len(part) == 1 or requests > BISECTIONS:
                    self._settle(part, failed=_weight(part), trouble=str(fault))
                else:
                    middle = len(part) // 2
                    rest += [part[middle:], part[:middle]]
            else:
                self._settle(part, rejected=refused)

    def _put(self, service: Puts[Item], part: list[Item]) -> int:
        """Try until it is taken or refused for good; raises the last Retryable when ``part`` is too old by then."""
        tries = 0
        while True:
            try:
                return service.put(part)
            except Retryable as fault:
                self._tell(str(fault))
                wait_s = self._backoff.wait_s(tries)
                tries += 1
                if monotonic() - part[0].since > self._backoff.give_up_s or not self._pause(wait_s):
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

    def _settle(self, part: list[Item], *, failed: int = 0, rejected: int = 0, trouble: str = "") -> None:
        with self._changed:
            if self._sending:  # 0 once close() has given up on them and counted them
                self._sending -= _weight(part)
                self._backlog.dropped["failed"] += failed
                self._backlog.dropped["rejected"] += rejected
        self._tell(trouble)

    def _tell(self, trouble: str) -> None:
        """Log a change of what is wrong, not each time it is."""
        kind = trouble.partition(":")[0]
        if kind == self._trouble:
            return
        self._trouble = kind
        if kind:
            _log.warning("a sink's data are not taken", sink=self._name, problem=trouble)
        else:
            _log.info("a sink's data are taken again", sink=self._name)


def _weight(items: Sequence[Waiting]) -> int:
    return sum(item.weight for item in items)
