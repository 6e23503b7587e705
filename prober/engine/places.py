"""How many runs of one kind may be under way, taken without waiting where that goes."""

from __future__ import annotations

import asyncio
from collections import deque


class Places:
    """A semaphore that can also be asked by those who must not wait; who waits comes first."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place if there is one at once."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Take a place once there is one."""
        if self.take():
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.give()  # it came in the same moment
            raise

    def give(self) -> None:
        """Hand the place to whoever waits longest, or keep it free."""
        while self._waiting:
            heir = self._waiting.popleft()
            if not heir.done():
                heir.set_result(None)
                return
        self._free += 1
