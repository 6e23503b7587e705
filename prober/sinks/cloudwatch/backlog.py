"""What waits to be sent: bounded by number and bytes, thinner once it is half full, the oldest dropped in the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from time import monotonic
from typing import Generic, Protocol, TypeVar
from zlib import crc32

from prober.log import Log
from prober.model import Result, Verdict

QUEUE_BYTES = 32 * 1024 * 1024
KEPT_OF_GOOD = 10  # one of so many good results, once it is half full

_log = Log(__name__)


class Waiting(Protocol):
    """Something to send."""

    @property
    def weight(self) -> int:
        """How many of what is counted it stands for."""
        ...

    @property
    def size(self) -> int:
        """At least the bytes it takes in a request."""
        ...

    @property
    def since(self) -> float:
        """When it began to wait, on the monotonic clock."""
        ...

    @property
    def due(self) -> float:
        """When it may be sent, on the monotonic clock."""
        ...


Item = TypeVar("Item", bound=Waiting)


class Backlog(ABC, Generic[Item]):
    """A queue that its feed uses under a lock; each way into AWS makes its own items of a result."""

    def __init__(self, name: str, limit: int, batch_items: int, batch_bytes: int) -> None:
        self.dropped: Counter[str] = Counter(full=0, rejected=0, failed=0)
        self.waiting = 0
        self._name = name
        self._limit = limit
        self._batch_items = batch_items
        self._batch_bytes = batch_bytes
        self._queue: deque[Item] = deque()
        self._bytes = 0
        self._thin = False

    @abstractmethod
    def add(self, result: Result) -> None:
        """Take what ``result`` makes, or count it as dropped."""

    @property
    def fill(self) -> float:
        """How full it is, from 0 to 1."""
        return max(len(self._queue) / self._limit, self._bytes / QUEUE_BYTES)

    def ready(self) -> bool:
        """Whether a batch is there that no more could join."""
        queue, most = self._queue, self._batch_items
        return self.fill >= 0.5 or (len(queue) >= most and queue[most - 1].due <= monotonic())

    def take(self, everything: bool) -> list[Item]:
        """The next batch in order, within the limits of a request; what is not due yet only with ``everything``."""
        now, batch, room = monotonic(), list[Item](), self._batch_bytes
        everything = everything or self.fill >= 0.5
        while self._queue and len(batch) < self._batch_items:
            first = self._queue[0]
            if not (everything or first.due <= now) or (batch and (first.size > room or not self.joins(batch, first))):
                break
            room -= first.size
            batch.append(self._pop())
        self._tell_of_thinning()
        return batch

    def joins(self, batch: list[Item], item: Item) -> bool:
        """Whether ``item`` may be in one request with ``batch``."""
        return True

    def clear(self) -> int:
        """Forget everything; how much that was."""
        gone = self.waiting
        while self._queue:
            self._pop()
        return gone

    def _push(self, item: Item) -> None:
        self._queue.append(item)
        self._bytes += item.size
        self.waiting += item.weight

    def _pop(self) -> Item:
        item = self._queue.popleft()
        self._bytes -= item.size
        self.waiting -= item.weight
        return item

    def _make_room(self) -> None:
        while self.fill > 1:
            self.dropped["full"] += self._pop().weight
        self._tell_of_thinning()

    def _spares(self, result: Result) -> bool:
        """Whether ``result`` is left out since the queue is half full: nine of ten good ones are."""
        good = result.verdict is Verdict.UP
        return good and self.fill >= 0.5 and crc32(result.run_id.encode()) % KEPT_OF_GOOD != 0

    def _tell_of_thinning(self) -> None:
        if not self._thin and self.fill >= 0.5:
            self._thin = True
            _log.warning("a sink is half full and takes less from now on", sink=self._name)
        elif self._thin and self.fill < 0.25:
            self._thin = False
            _log.info("a sink has room again and takes everything", sink=self._name)
