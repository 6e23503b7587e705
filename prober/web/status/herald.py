"""Looks what the status pages say, and puts down for everybody who subscribed what is new of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from prober.faults import Retryable, describe
from prober.log import Log
from prober.web.status.board import Board
from prober.web.status.letters import WITHIN_S, to_tell

MOST_REMEMBERED = 200_000

_log = Log(__name__)


@dataclass
class Herald:
    """Asked every few seconds, from a thread that may wait for the store."""

    board: Board
    _put: set[str] = field(default_factory=set)
    """Ids of what the outbox has, so that it is not asked to take them again."""

    def look(self) -> int:
        """Put down what is new; how many letters that are. What could not be done is done the next time."""
        offer, count = self.board.offer, 0
        for name, page in offer.pages.items():
            if page.subscribe is None or offer.public_url is None:
                continue
            try:
                count += self._tell(name, offer.public_url)
            except Retryable as fault:
                _log.warning("subscribers were not told", page=name, error=describe(fault))
        if count:
            offer.wake()
        return count

    def _tell(self, name: str, public_url: str) -> int:
        store = self.board.offer.store
        subscribers = store.subscribers(name)
        if not subscribers:
            return 0
        shown = self.board.make(name)
        address = f"{public_url.rstrip('/')}/status/{name}"
        within_s = min(WITHIN_S, self.board.offer.retention_s())  # else it would be told again once it is forgotten
        found = to_tell(shown, subscribers, address, store.now(), within_s)
        letters = [one for one in found if one[1].id not in self._put]
        store.post(letters)
        if len(self._put) > MOST_REMEMBERED:
            self._put.clear()
        self._put.update(notice.id for _, notice in letters)
        return len(letters)
