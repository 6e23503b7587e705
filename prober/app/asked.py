"""Runs that somebody asked for: handed to the loop that measures, and what became of each."""

from __future__ import annotations

import asyncio
import concurrent.futures
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from prober.faults import Retryable, UserFault
from prober.model import Check, Result
from prober.store import codec
from prober.web import Asked

MOST = 32
"""So many are under way at once, or wait."""
KEPT = 200
"""So many that are over can still be asked for, until the store has them."""
ANSWER_S = 5.0
"""A loop that has not taken a question by then is not going to."""
SLACK_S = 15.0
STOPPING = "the prober is stopping"


class Running(Protocol):
    """As much of a Runner as is needed here."""

    def run_beside(self, check_id: str, run_id: str) -> bool: ...


@dataclass(slots=True)
class _Waiting:
    check: Check
    over: Future[str]
    timer: asyncio.TimerHandle


@dataclass
class AskedRuns:
    """``ask`` and ``find`` are called from any thread; all else on the loop."""

    runner: Callable[[], Running]
    known: Callable[[], Mapping[str, Check]]
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _found: dict[str, Asked] = field(default_factory=dict)
    _closed: bool = False

    def ask(self, check_id: str, run_id: str = "") -> Future[str]:
        """As of ``Actions.run_now``."""
        begun = asyncio.run_coroutine_threadsafe(self._begin(check_id, run_id or secrets.token_hex(8)), self._loop)
        try:
            return begun.result(ANSWER_S)
        except concurrent.futures.CancelledError:
            raise Retryable(STOPPING) from None
        except TimeoutError:
            begun.cancel()
            raise Retryable("the prober is busy") from None

    def find(self, run_id: str) -> Asked | None:
        """As of ``Actions.asked``."""
        return self._found.get(run_id)

    def take(self, result: Result) -> None:
        """A result was published: it may be what somebody waits for."""
        waiting = self._waiting.pop(result.run_id, None)
        if waiting is not None:
            waiting.timer.cancel()
            self._keep(Asked(result.run_id, result.check.id, codec.kept(result)))
            waiting.over.set_result(result.run_id)

    def lose(self, check_id: str, run_id: str, why: str) -> None:
        """A run has come to nothing; where its id is not known, it is taken to be the one that was asked for."""
        for known in [known for known, waiting in self._waiting.items() if waiting.check.id == check_id]:
            if run_id in ("", known):
                self._give_up(known, why)

    def close(self) -> None:
        """Have nobody wait any more."""
        self._closed = True
        for run_id in tuple(self._waiting):
            self._give_up(run_id, STOPPING)

    async def _begin(self, check_id: str, run_id: str) -> Future[str]:
        if self._closed:
            raise Retryable(STOPPING)
        check = self.known().get(check_id)
        if check is None:
            raise UserFault(f"no check {check_id!r} runs here")
        if getattr(check, "pushed", False):
            raise UserFault(f"{check_id} is a passive check: others bring its results")
        if not check.enabled:
            raise UserFault(f"{check_id} is not enabled")
        under_way = next((known for known, one in self._waiting.items() if one.check.id == check_id), None)
        if under_way is not None:
            raise UserFault(f"a run of {check_id} was asked for already, see run {under_way}")
        if len(self._waiting) >= MOST:
            raise Retryable(f"{MOST} runs that were asked for are under way")
        if not self.runner().run_beside(check_id, run_id):
            raise Retryable(f"nothing can run {check_id} at the moment")
        # The run before it, waiting for a place and the run itself: each has the check's timeout.
        limit_s = 3 * check.timeout + SLACK_S
        timer = self._loop.call_later(limit_s, self._give_up, run_id, f"there was no result within {limit_s:g} s")
        over: Future[str] = Future()
        over.set_running_or_notify_cancel()  # who waits no longer changes nothing
        self._waiting[run_id] = _Waiting(check, over, timer)
        self._keep(Asked(run_id, check_id))
        return over

    def _give_up(self, run_id: str, why: str) -> None:
        waiting = self._waiting.pop(run_id, None)
        if waiting is not None:
            waiting.timer.cancel()
            self._keep(Asked(run_id, waiting.check.id, lost=why))
            waiting.over.set_exception(Retryable(f"the run came to nothing: {why}"))

    def _keep(self, asked: Asked) -> None:
        """Of those that are over the oldest go first."""
        self._found.pop(asked.run_id, None)
        self._found[asked.run_id] = asked
        if len(self._found) > KEPT:
            del self._found[next(run_id for run_id in self._found if run_id not in self._waiting)]
