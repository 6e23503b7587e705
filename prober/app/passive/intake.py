"""Where signals come in: whose token it is, whether it may speak now, what it says. Called from the web's threads."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from prober.app.passive.checks import COMMIT_S, Change, Passive
from prober.app.passive.pulse import Finding, Pulse, Report, begun, ended, reported
from prober.app.passive.rhythm import Rhythm
from prober.app.passive.signals import Kind, Signal, one_line, read_ping, read_signal
from prober.app.passive.sources import reports_for, takes
from prober.app.passive.tokens import Tokens
from prober.faults import Retryable, UserFault
from prober.model import Check
from prober.probes.heartbeat import Spec
from prober.secret import CUT, Redactor, Secret
from prober.web import Told

MESSAGE_CHARS = 2_000
AGAIN_S = 5

OK = Told(200, "OK")
UNKNOWN = Told(404, "no such check")
NOT_YET = Told(503, "the prober is starting or stopping", AGAIN_S)
NOT_WRITTEN = Told(503, "not written down yet; say it again", AGAIN_S)


@dataclass
class Intake:
    """Hands what is heard over to the main loop."""

    passive: Passive
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _redactor: Redactor = field(default_factory=Redactor)
    _here: Mapping[str, Spec] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tokens = Tokens(self.passive.clock.monotonic)

    def adopt(self, checks: Iterable[Check], hidden: Iterable[Secret]) -> None:
        """Take what is said of ``checks``, without what is ``hidden``."""
        ours = [check for check in checks if isinstance(check, Spec) and check.enabled]
        self._redactor = Redactor(hidden)
        self._here = {check.id: check for check in ours if self.passive.place.runs(check)}
        self._tokens.adopt(ours, self.passive.place)

    def ping(self, token: str, action: str, rid: str, body: bytes) -> Future[Told]:
        """What follows the token in a ping's path, and what it brought."""
        check = self._spoken_to(token)
        if isinstance(check, Told):
            return _at_once(check)
        try:
            signal = read_ping(action, rid, body)
        except ValueError as error:
            return _at_once(Told(400, str(error)))
        return self._hand_over(self._signalled(check.id, signal)) if signal else _at_once(UNKNOWN)

    def webhook(self, source: str, token: str | None, document: object) -> Future[Told]:
        """What ``source`` posted, for the check of ``token``, or for all that it fits."""
        if token is not None:
            check = self._spoken_to(token)
            if isinstance(check, Told):
                return _at_once(check)
            if not takes(check, source):
                return _at_once(Told(409, f"{check.id} does not take {source}: add it to the check's sources"))
            checks = [check]
        else:
            checks = [check for check in self._here.values() if takes(check, source)]
            if not checks:
                return _at_once(Told(404, f"no check here takes {source}: add it to the sources of one"))
        try:
            told = {check.id: reports_for(check, source, document) for check in checks}
        except ValueError as error:
            return _at_once(Told(400, str(error)))
        return self._hand_over(
            self._sourced(source, {name: found for name, found in told.items() if found is not None})
        )

    def ingest(self, check_id: str, signal: Mapping[str, object]) -> None:
        """What somebody who may do so says of a check: ``kind``, ``message``, ``duration_s``, ``exit_code``, ``rid``.

        Waits until it is written down, so never on the main loop. Raises UserFault for what makes no sense, Retryable
        where it is to be said again.
        """
        if check_id not in self._here:
            raise UserFault(f"{check_id} is no heartbeat check of this prober")
        try:
            read = read_signal(signal)
        except ValueError as error:
            raise UserFault(str(error)) from None
        try:
            told = self._hand_over(self._signalled(check_id, read)).result(COMMIT_S * 2)
        except TimeoutError:
            told = NOT_WRITTEN
        if told is not OK:
            raise Retryable(told.line, after_s=told.retry_after_s)

    def _spoken_to(self, token: str) -> Spec | Told:
        """The check of ``token``; an answer where it cannot be told anything here and now."""
        found = self._tokens.find(token)
        if found is None:
            return UNKNOWN
        if found.elsewhere:
            return Told(421, found.elsewhere)
        wait_s = self._tokens.wait_s(found.check.id)
        return Told(429, "too many signals at once", int(wait_s) + 1) if wait_s else found.check

    async def _signalled(self, check_id: str, signal: Signal) -> Told:
        facts: dict[str, Any] = {"signal": signal.kind.value}
        facts |= {"rid": self._redactor.text(signal.rid)} if signal.rid else {}
        facts |= {"exit_code": signal.exit_code} if signal.exit_code is not None else {}
        return _answer([await self.passive.hear(check_id, self._change(signal), facts)])

    def _change(self, signal: Signal) -> Change:
        message, failure, rid = self._shown(signal.message), signal.failure, signal.rid
        failure = None if failure is None else self._shown(failure)

        def change(known: Pulse, now: float, rhythm: Rhythm) -> tuple[Pulse, Finding | None]:
            if signal.kind is Kind.START:
                return begun(known, rid, now, rhythm), None
            return ended(known, rid, failure, message, now, rhythm, signal.duration_s)

        return change

    async def _sourced(self, source: str, about: Mapping[str, list[Report]]) -> Told:
        def change(reports: list[Report]) -> Change:
            shown = [replace(report, text=self._shown(one_line(report.text))) for report in reports]
            return lambda known, now, rhythm: reported(known, shown, now, rhythm)

        facts = {"signal": source}
        heard = (self.passive.hear(check_id, change(reports), facts) for check_id, reports in about.items())
        return _answer(await asyncio.gather(*heard))

    def _shown(self, text: str) -> str:
        """``text`` without secrets, at a length that a result takes."""
        clean = self._redactor.text(text)
        return clean if len(clean) <= MESSAGE_CHARS else clean[: MESSAGE_CHARS - 1] + CUT

    def _hand_over(self, work: Coroutine[Any, Any, Told]) -> Future[Told]:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop has just come to its end
            work.close()
            return _at_once(NOT_YET)


def _answer(written: Iterable[bool | None]) -> Told:
    """One for all: well only where all was written down."""
    found = list(written)
    return NOT_YET if None in found else OK if all(found) else NOT_WRITTEN


def _at_once(told: Told) -> Future[Told]:
    future: Future[Told] = Future()
    future.set_result(told)
    return future
