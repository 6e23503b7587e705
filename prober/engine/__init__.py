"""Runs checks: the deadline, the caps on concurrency, and the only place where any exception becomes a Result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from prober.clock import Clock
from prober.engine.flights import Flights, Flying
from prober.engine.places import Places
from prober.faults import ProbeError, classify, describe
from prober.judge import Expect, judge
from prober.log import Log
from prober.model import Check, Failure, Judgement, Observation, Reason, Result, Step, Verdict
from prober.net import Net
from prober.probes import Context, Flight, Landed, Probe, Starter
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
    log: Log = field(default_factory=Log)
    starters: Mapping[str, Starter] = field(default_factory=dict)
    """By kind: what begins a run without a task, for kinds whose runs can do without one."""
    _places: dict[str, Places] = field(default_factory=dict)
    _flights: Flights = field(init=False)
    _random: Random = field(init=False)
    _inside: int = 0
    _left: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._flights = Flights(self.clock)
        self._random = Random(SystemRandom().getrandbits(128))  # noqa: S311  run ids are no secrets, only unique

    def begin(
        self, check: Check, slot: float, on_start: Callable[[float], None], on_end: Callable[[Result], None]
    ) -> Flight | None:
        """Begin a run of ``check`` without a task; None where it needs one or has to wait for a place.

        ``on_start`` is told how late the run begins; ``on_end`` of its end, never before this has returned, and not
        at all where it was cancelled.
        """
        start = self.starters.get(check.kind)
        place = self._place(check.kind)
        if start is None or not place.take():
            return None
        context = self._context(check, 0.0)
        started = self.clock.monotonic()
        started_at = self.clock.wall()

        def leave() -> None:
            place.give()
            self._inside -= 1
            self._left.set()

        def end(outcome: Callable[[], Observation] | None) -> None:
            leave()
            duration_s = self.clock.monotonic() - started
            seen = _overtime(check, duration_s) if outcome is None else self._outcome(outcome, duration_s, context)
            on_end(self._result(check, context, self._mark_stall(check.kind, seen, started), started_at))

        flying = Flying(self._flights, context.deadline + OVERTIME_S, end, leave)
        self._inside += 1
        flying.flight = self._started(start, check, context, flying.land)
        if flying.flight is None:
            leave()
            return None
        self._flights.add(flying)
        on_start(max(0.0, started - slot))
        return flying

    def _started(self, start: Starter, check: Check, context: Context, landed: Landed) -> Flight | None:
        try:
            return start(check, context, landed)
        except (ProbeError, OSError):
            return None  # the same run with a task meets it again, and says what it was
        except Exception as error:  # the boundary: a bug of one kind must not end the scheduler's turn
            context.log.error("the probe failed by itself", check=check.id, run=context.run_id, exc_info=error)
            return None

    async def run_slot(
        self, check: Check, slot: float, until: float, on_start: Callable[[float], None], run_id: str = ""
    ) -> Result | None:
        """Run ``check`` for the slot at ``slot``; None when no place was free before ``until`` (both monotonic).

        ``on_start`` is told how late the run begins, in seconds. ``run_id`` is made up where it is empty.
        What a journey waits here it has less to run, so that its end does not move into the next slot; one that would
        have lost half of its time that way is not begun at all.
        """
        with self._entered():
            asked, place = self.clock.monotonic(), self._place(check.kind)
            if check.kind in APART:
                until = min(until, asked + check.timeout * WAITED_SHARE)
            if not place.take():
                try:
                    async with asyncio.timeout(max(0.0, until - asked)):
                        await place.wait()
                except TimeoutError:
                    return None
            try:
                now = self.clock.monotonic()
                on_start(max(0.0, now - slot))
                return await self._run(check, now - asked if check.kind in APART else 0.0, run_id)
            finally:
                place.give()

    async def run(self, check: Check) -> Result:
        """Run ``check`` as soon as there is a place."""
        with self._entered():
            place = self._place(check.kind)
            await place.wait()
            try:
                return await self._run(check)
            finally:
                place.give()

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

    def _place(self, kind: str) -> Places:
        if kind not in self._places:
            self._places[kind] = Places(self.caps.get(kind, 100))
        return self._places[kind]

    def _context(self, check: Check, waited_s: float, run_id: str = "") -> Context:
        run_id = run_id or f"{self._random.getrandbits(64):016x}"
        return Context(
            check.id,
            self.region,
            run_id,
            self.clock.monotonic() + check.timeout - waited_s,
            self.clock,
            self.net,
            self.artifacts / check.id / run_id if self.artifacts and check.kind in APART else None,
            self.log.bind(check=check.id, run=run_id) if check.kind in APART else self.log,
        )

    async def _run(self, check: Check, waited_s: float = 0.0, run_id: str = "") -> Result:
        started_at, started = self.clock.wall(), self.clock.monotonic()
        context = self._context(check, waited_s, run_id)
        observation = await self._observe(check, context)
        observation = self._mark_stall(check.kind, observation, started)
        return self._result(check, context, _mark_wait(observation, waited_s), started_at)

    def _result(self, check: Check, context: Context, observation: Observation, started_at: float) -> Result:
        judgement = self._judge(check, observation, context)
        message, outcomes = judgement.message, judgement.outcomes
        if observation.body is not None:
            observation = observation.without_body()
        if self.redactor.active:
            message = self.redactor.text(message)
            outcomes = tuple(replace(o, seen=self.redactor.text(o.seen)) for o in outcomes)
            observation = _clean(observation, self.redactor)
        return Result(
            check,
            self.region,
            context.run_id,
            started_at,
            judgement.verdict,
            judgement.reason,
            message,
            observation,
            outcomes,
        )

    def _judge(self, check: Check, observation: Observation, context: Context) -> Judgement:
        try:
            return judge(observation, getattr(check, "expect", None) or Expect(), self.clock.wall())
        except Exception as error:  # the boundary's other half: what a target sent must not silence its check
            context.log.error(
                "the judgement failed by itself", check=context.check_id, run=context.run_id, exc_info=error
            )
            message = f"the judgement itself failed: {type(error).__name__}: {describe(error)}"
            return Judgement(Verdict.UNKNOWN, Reason.INTERNAL, message)

    async def _observe(self, check: Check, context: Context) -> Observation:
        """What the probe saw, or why it saw nothing; raises CancelledError only when we are told to stop."""
        started = self.clock.monotonic()
        under_way, outcome = self._launch(check, context)
        try:
            # wait, not timeout(): a probe that swallows its cancellation must not hold the engine.
            done, _ = await asyncio.wait({under_way}, timeout=context.remaining_s() + OVERTIME_S)
        except asyncio.CancelledError:
            under_way.cancel()
            await asyncio.wait({under_way}, timeout=OVERTIME_S)
            raise
        duration_s = self.clock.monotonic() - started
        if not done:
            under_way.cancel()
            under_way.add_done_callback(_forget)
            return _overtime(check, duration_s)
        return self._outcome(outcome, duration_s, context)

    def _launch(self, check: Check, context: Context) -> tuple[asyncio.Future[Any], Callable[[], Observation]]:
        """A run to wait for, and what gives its Observation once it has ended."""
        start = self.starters.get(check.kind)
        if start is not None:  # one that waited for its place can still do without a task of its own, at half the price
            ended: asyncio.Future[Callable[[], Observation]] = asyncio.get_running_loop().create_future()
            flight = self._started(start, check, context, lambda outcome: _settle(ended, outcome))
            if flight is not None:
                ended.add_done_callback(lambda _: flight.cancel() if ended.cancelled() else None)
                return ended, lambda: ended.result()()
        task = asyncio.ensure_future(self.probes[check.kind](check, context))
        return task, task.result

    def _outcome(self, outcome: Callable[[], Observation], duration_s: float, context: Context) -> Observation:
        try:
            return outcome()
        except ProbeError as error:
            return Observation(duration_s, facts=error.facts, failure=Failure(error.reason, describe(error)))
        except OSError as error:
            return Observation(duration_s, failure=Failure(classify(error), describe(error)))
        except (Exception, asyncio.CancelledError) as error:  # the boundary: a bug stays its own
            context.log.error("the probe failed by itself", check=context.check_id, run=context.run_id, exc_info=error)
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


def _overtime(check: Check, duration_s: float) -> Observation:
    message = f"no answer within {check.timeout:g}s, and the probe did not stop at its deadline"
    return Observation(duration_s, failure=Failure(Reason.TIMEOUT, message))


def _mark_wait(observation: Observation, waited_s: float) -> Observation:
    """A run that was cut short because it had to wait says nothing of its target."""
    failure = observation.failure
    if waited_s < WAIT_TOLD_S or failure is None or failure.reason is not Reason.DEADLINE:
        return observation
    told = f"it waited {waited_s:.1f}s for a slot and had that much less time; {failure.message}"
    return replace(observation, failure=Failure(Reason.INTERNAL, told))


def _clean(seen: Observation, redactor: Redactor) -> Observation:
    """``seen`` with every secret taken out of its texts; its body and headers are for the judgement alone."""
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


def _forget(task: asyncio.Future[Any]) -> None:
    """Take the late outcome of a probe that was given up, so that nobody asks where it went."""
    if not task.cancelled():
        task.exception()


def _settle(ended: asyncio.Future[Callable[[], Observation]], outcome: Callable[[], Observation]) -> None:
    if not ended.done():
        ended.set_result(outcome)
