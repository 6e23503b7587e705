"""Runs checks: the deadline, the caps on concurrency, and the only place where any exception becomes a Result."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from prober.clock import Clock
from prober.faults import ProbeError, classify, describe
from prober.judge import Expect, judge
from prober.model import Check, Failure, Judgement, Observation, Reason, Result, Step, Verdict
from prober.net import Net
from prober.probes import Context, Probe
from prober.secret import Redactor

OVERTIME_S = 5.0  # a probe keeps its own deadline; one that does not is cut off this much later
STALL_SHOWN_S = 0.05  # shorter stalls of the loop are ordinary and not worth a word
APART = frozenset({"browser", "api", "pytest"})  # measured in processes of their own, which our stalls do not touch
WAITED_SHARE = 0.5  # of its timeout, which a journey may wait for a slot
WAIT_TOLD_S = 0.5
STALL_UNKNOWN_S = 5.0  # past this the figures say more about the prober than about the target


@dataclass(slots=True)
class Engine:
    """Runs one check at a time per call; everything it needs is handed in."""

    region: str
    probes: Mapping[str, Probe]
    caps: Mapping[str, int]
    net: Net
    clock: Clock
    artifacts: Path | None = None
    stalled_since: Callable[[float], float] = lambda _: 0.0
    """Seconds the loop stood still since a monotonic time; from the self-watch."""
    redactor: Redactor = field(default_factory=Redactor)
    """Takes the config's secrets out of whatever a target sends back, before anyone else sees it."""
    log: structlog.typing.FilteringBoundLogger = field(default_factory=structlog.get_logger)
    _places: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    _inside: int = 0
    _left: asyncio.Event = field(default_factory=asyncio.Event)

    async def run_slot(
        self, check: Check, slot: float, until: float, on_start: Callable[[float], None]
    ) -> Result | None:
        """Run ``check`` for the slot at ``slot``; None when no place was free before ``until`` (both monotonic).

        ``on_start`` is told how late the run begins, in seconds.
        What a journey waits here it has less to run, so that its end does not move into the next slot; one that would
        have lost half of its time that way is not begun at all.
        """
        with self._entered():
            asked, place = self.clock.monotonic(), self._place(check.kind)
            if check.kind in APART:
                until = min(until, asked + check.timeout * WAITED_SHARE)
            if place.locked():
                try:
                    async with asyncio.timeout(max(0.0, until - asked)):
                        await place.acquire()
                except TimeoutError:
                    return None
            else:
                await place.acquire()
            try:
                now = self.clock.monotonic()
                on_start(max(0.0, now - slot))
                return await self._run(check, now - asked if check.kind in APART else 0.0)
            finally:
                place.release()

    async def run(self, check: Check) -> Result:
        """Run ``check`` as soon as there is a place."""
        with self._entered():
            async with self._place(check.kind):
                return await self._run(check)

    async def idle(self) -> None:
        """Wait until no run is in progress, nor waits for a place."""
        while self._inside:
            self._left.clear()
            await self._left.wait()

    @contextmanager
    def _entered(self) -> Iterator[None]:
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._left.set()

    def _place(self, kind: str) -> asyncio.Semaphore:
        if kind not in self._places:
            self._places[kind] = asyncio.Semaphore(self.caps.get(kind, 100))
        return self._places[kind]

    async def _run(self, check: Check, waited_s: float = 0.0) -> Result:
        started_at, started = self.clock.wall(), self.clock.monotonic()
        run_id = secrets.token_hex(8)
        context = Context(
            check_id=check.id,
            region=self.region,
            run_id=run_id,
            deadline=started + check.timeout - waited_s,
            clock=self.clock,
            net=self.net,
            artifacts=self.artifacts / check.id / run_id if self.artifacts else None,
            log=self.log.bind(check=check.id, run=run_id),
        )
        observation = await self._observe(check, context)
        observation = self._mark_stall(check.kind, observation, started)
        observation = _mark_wait(observation, waited_s)
        judgement = self._judge(check, observation, context)
        return Result(
            check=check,
            region=self.region,
            run_id=run_id,
            started_at=started_at,
            verdict=judgement.verdict,
            reason=judgement.reason,
            message=self.redactor.text(judgement.message),
            observation=_clean(observation, self.redactor),
            outcomes=tuple(replace(o, seen=self.redactor.text(o.seen)) for o in judgement.outcomes),
        )

    def _judge(self, check: Check, observation: Observation, context: Context) -> Judgement:
        try:
            return judge(observation, getattr(check, "expect", None) or Expect(), self.clock.wall())
        except Exception as error:  # the boundary's other half: what a target sent must not silence its check
            context.log.error("the judgement failed by itself", exc_info=error)
            message = f"the judgement itself failed: {type(error).__name__}: {describe(error)}"
            return Judgement(Verdict.UNKNOWN, Reason.INTERNAL, message)

    async def _observe(self, check: Check, context: Context) -> Observation:
        """What the probe saw, or why it saw nothing; raises CancelledError only when we are told to stop."""
        started = self.clock.monotonic()
        task = asyncio.ensure_future(self.probes[check.kind](check, context))
        try:
            # wait, not timeout(): a probe that swallows its cancellation must not hold the engine.
            done, _ = await asyncio.wait({task}, timeout=context.remaining_s() + OVERTIME_S)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=OVERTIME_S)
            raise
        duration_s = self.clock.monotonic() - started
        if not done:
            task.cancel()
            task.add_done_callback(_forget)
            message = f"no answer within {check.timeout:g}s, and the probe did not stop at its deadline"
            return Observation(duration_s, failure=Failure(Reason.TIMEOUT, message))
        return self._outcome(task, duration_s, context)

    def _outcome(self, task: asyncio.Future[Observation], duration_s: float, context: Context) -> Observation:
        try:
            return task.result()
        except ProbeError as error:
            return Observation(duration_s, facts=error.facts, failure=Failure(error.reason, describe(error)))
        except OSError as error:
            return Observation(duration_s, failure=Failure(classify(error), describe(error)))
        except (Exception, asyncio.CancelledError) as error:  # the boundary: a bug stays its own
            context.log.error("the probe failed by itself", exc_info=error)
            message = f"the probe itself failed: {type(error).__name__}: {describe(error)}"
            return Observation(duration_s, failure=Failure(Reason.INTERNAL, message))

    def _mark_stall(self, kind: str, observation: Observation, started: float) -> Observation:
        stalled_s = self.stalled_since(started)
        if stalled_s < STALL_SHOWN_S or kind in APART:
            return observation
        if stalled_s < STALL_UNKNOWN_S:
            return replace(observation, stalled_s=stalled_s)
        message = f"the prober itself stood still for {stalled_s:.1f}s during the run"
        return replace(observation, stalled_s=stalled_s, failure=Failure(Reason.LOOP_STALLED, message))


def _mark_wait(observation: Observation, waited_s: float) -> Observation:
    """A run that was cut short because it had to wait says nothing of its target."""
    failure = observation.failure
    if waited_s < WAIT_TOLD_S or failure is None or failure.reason is not Reason.DEADLINE:
        return observation
    told = f"it waited {waited_s:.1f}s for a slot and had that much less time; {failure.message}"
    return replace(observation, failure=Failure(Reason.INTERNAL, told))


def _clean(seen: Observation, redactor: Redactor) -> Observation:
    """``seen`` with every secret taken out of its texts; its body and headers are for the judgement alone."""
    if not redactor.active:
        return seen
    return replace(
        seen,
        facts=redactor.value(dict(seen.facts)),
        steps=tuple(_clean_step(step, redactor) for step in seen.steps),
        measures=tuple(
            replace(m, name=redactor.text(m.name), labels=redactor.value(dict(m.labels))) for m in seen.measures
        ),
    )


def _clean_step(step: Step, redactor: Redactor) -> Step:
    navigations = tuple(
        replace(page, url=redactor.text(page.url), detail=redactor.value(dict(page.detail)))
        for page in step.navigations
    )
    return replace(step, name=redactor.text(step.name), message=redactor.text(step.message), navigations=navigations)


def _forget(task: asyncio.Future[Observation]) -> None:
    """Take the late outcome of a probe that was given up, so that nobody asks where it went."""
    if not task.cancelled():
        task.exception()
