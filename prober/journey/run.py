"""One run of a journey as its worker records it: steps, measures, and the clock that leaves our own work out."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Protocol

from prober.journey.sessions import Sessions
from prober.model import Failure, Reason, Verdict, parse_duration

STEP_TIMEOUT_S = 30.0
MEASURES_KEPT = 200

_METRIC = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")

# What a step that is not critical cannot forgive: nothing after it could work, or it was not the target's doing.
_FATAL = frozenset({Reason.PAGE_HUNG, Reason.PAGE_CRASH, Reason.SCRIPT_ERROR, Reason.DEADLINE})

Emit = Callable[[Mapping[str, Any]], None]


class StepTimeout(TimeoutError):
    """A step that did not end within its own time."""


@dataclass(slots=True)
class StepRecord:
    """A step while it runs."""

    index: int
    name: str
    began: float
    """Monotonic seconds."""
    aside_s: float
    """What the run had spent on our own work until then."""
    critical: bool = True
    """Whether its failure fails the journey; else it only degrades it."""
    verdict: Verdict | None = None
    """None while it runs."""
    duration_s: float | None = None
    message: str = ""


class Watcher(Protocol):
    """What the kind of journey does around its steps; all of it off the journey's clock."""

    def explain(self, fault: BaseException) -> Failure:
        """What an exception means, from itself alone."""
        ...

    async def examine(self, step: StepRecord | None, failure: Failure) -> Failure:
        """Keep evidence of a failure at the moment it happens; may know the reason better."""
        ...

    async def settle(self, step: StepRecord) -> None:
        """Let the figures of a passed step become final, within bounds."""
        ...


class Run:
    """Records one run and streams every event, so that nothing is lost when the worker is killed."""

    def __init__(self, emit: Emit, watcher: Watcher, sessions: Sessions) -> None:
        self.sessions = sessions
        self.failure: Failure | None = None
        self.expired = False
        """Whether the journey's time is over; only ``always`` steps are entered then."""
        self._emit = emit
        self._watcher = watcher
        self._steps: list[StepRecord] = []
        self._examined: BaseException | None = None
        self._look_until: float | None = None
        self._measures = 0
        self._began = time.monotonic()
        self._aside_s = 0.0

    @property
    def duration_s(self) -> float:
        """The journey's own time in seconds: its steps and what is between them, without our work around them."""
        return time.monotonic() - self._began - self._aside_s

    def step(
        self, name: str, *, timeout: str | None, soft: bool, critical: bool, always: bool
    ) -> AbstractAsyncContextManager[None]:
        limit_s = parse_duration(timeout) if timeout else STEP_TIMEOUT_S
        return _Step(self, name, limit_s, soft=soft, critical=critical, always=always)

    async def logged_in(self, place: Any, log_in: Callable[[Any], Awaitable[object]], name: str, for_: str) -> bool:
        return await self.sessions.ensure(place, log_in, name, parse_duration(for_))

    def expire(self, looking_s: float) -> None:
        """Say that the journey's time is over, and how long we may look into that before its clean-up has its turn."""
        self.expired = True
        self._look_until = time.monotonic() + looking_s

    def begin(self, name: str, always: bool, critical: bool) -> StepRecord:
        if self.expired and not always:
            raise asyncio.CancelledError("the journey's time is over")
        record = StepRecord(len(self._steps), name, time.monotonic(), self._aside_s, critical)
        self._steps.append(record)
        self._emit({"event": "step_began", "index": record.index, "name": name})
        return record

    async def end(self, step: StepRecord, fault: BaseException | None) -> bool:
        """Record the end of ``step``, look into ``fault`` if there is one, let figures settle if not.

        True where the step failed and that is forgiven, since it was not critical.
        """
        duration_s = time.monotonic() - step.began - (self._aside_s - step.aside_s)
        failure = self._explain(fault) if fault is not None else None
        try:
            with self.aside():
                if failure is None:
                    if not self.expired:  # else what time is left belongs to the clean-up
                        await self._watcher.settle(step)
                elif fault is not self._examined:  # an outer step sees the fault of its inner one again
                    self._examined = fault
                    failure = await self._watcher.examine(step, failure)
        finally:  # also when the journey's time ends while we look
            forgiven = failure is not None and _forgivable(step, failure)
            self._record(step, failure, duration_s, forgiven)
        return forgiven

    async def conclude(self, fault: BaseException | None) -> None:
        """Take how the journey function itself ended; what a step already told is not told again."""
        if fault is None or self.failure is not None:
            return
        self.failure = self._explain(fault)
        self.failure = await self._watcher.examine(None, self.failure)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Work of ours that counts for neither the journey nor its step."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._aside_s += time.monotonic() - began

    @property
    def looking_s(self) -> float | None:
        """How long evidence of a failure may still take; None where the journey's time is not over."""
        return None if self._look_until is None else max(0.0, self._look_until - time.monotonic())

    @property
    def began(self) -> float:
        """When the journey began, in monotonic seconds."""
        return self._began

    @property
    def steps(self) -> Sequence[StepRecord]:
        """The steps begun so far."""
        return self._steps

    @property
    def step_index(self) -> int | None:
        """The index of the step begun last; None before the first."""
        return self._steps[-1].index if self._steps else None

    def step_at(self, moment: float) -> int | None:
        """The index of the last step that had begun at a monotonic ``moment``; None before the first."""
        begun = [step.index for step in self._steps if step.began <= moment]
        return begun[-1] if begun else None

    def measure(self, name: str, value: float, unit: str, labels: Mapping[str, str]) -> None:
        if not _METRIC.fullmatch(name):
            raise ValueError(f"measure {name!r}: expected letters, digits and underscores")
        if bad := [label for label in labels if not _METRIC.fullmatch(label)]:
            raise ValueError(f"measure {name}: the label {bad[0]!r} is no metric label")
        if isinstance(value, bool) or not math.isfinite(value):
            raise ValueError(f"measure {name}: expected a finite number, not {value!r}")
        if self._measures >= MEASURES_KEPT:
            raise ValueError(f"a journey records at most {MEASURES_KEPT} measures")
        self._measures += 1
        texts = {label: str(text) for label, text in labels.items()}
        self._emit({"event": "measure", "name": name, "value": float(value), "unit": unit, "labels": texts})

    def request(self, method: str, url: str, outcome: Mapping[str, Any]) -> None:
        """Tell of one request of the journey's ``http``: its status or error, duration and phases."""
        open_steps = self._steps[-1].name if self._steps else None
        self._emit({"event": "request", "step": open_steps, "method": method, "url": url, **outcome})

    def _explain(self, fault: BaseException) -> Failure:
        if isinstance(fault, asyncio.CancelledError) and self.expired:
            return Failure(Reason.DEADLINE, "the journey's time was over")
        return self._watcher.explain(fault)

    def _record(self, step: StepRecord, failure: Failure | None, duration_s: float, forgiven: bool) -> None:
        failed = Verdict.DEGRADED if forgiven else Verdict.DOWN
        step.verdict, step.duration_s = failed if failure else Verdict.UP, duration_s
        step.message = failure.message if failure else ""
        told = {name: getattr(step, name) for name in ("index", "verdict", "duration_s", "message")}
        self._emit({"event": "step_ended", **told})
        if failure and not forgiven and self.failure is None:
            self.failure = Failure(failure.reason, f"{step.name}: {failure.message}")
            self._emit({"event": "failure", **asdict(self.failure)})


def _forgivable(step: StepRecord, failure: Failure) -> bool:
    return not step.critical and not failure.reason.ours and failure.reason not in _FATAL


class _Step:
    def __init__(self, run: Run, name: str, timeout_s: float, *, soft: bool, critical: bool, always: bool) -> None:
        self._run = run
        self._name = name
        self._timeout_s = timeout_s
        self._soft = soft
        self._critical = critical
        self._always = always

    async def __aenter__(self) -> None:
        self._record = self._run.begin(self._name, self._always, self._critical)
        self._limit = asyncio.timeout(self._timeout_s)
        await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool:
        late = None
        try:
            await self._limit.__aexit__(kind, fault, trace)
        except TimeoutError:
            late = StepTimeout(f"not done within {self._timeout_s:g}s")
        go_on = await self._run.end(self._record, late or fault) or self._soft
        if late and not go_on:
            raise late from fault
        return go_on and isinstance(late or fault, Exception)
