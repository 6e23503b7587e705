"""One run of a journey as its worker records it: steps, measures, and the clock that leaves our own work out."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Protocol

from prober.model import Failure, Reason, Verdict, parse_duration

STEP_TIMEOUT_S = 30.0
MEASURES_KEPT = 200

_METRIC = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")

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

    def __init__(self, emit: Emit, watcher: Watcher) -> None:
        self.failure: Failure | None = None
        self.expired = False
        """Whether the journey's time is over; only ``always`` steps are entered then."""
        self._emit = emit
        self._watcher = watcher
        self._steps: list[StepRecord] = []
        self._examined: BaseException | None = None
        self._measures = 0
        self._began = time.monotonic()
        self._aside_s = 0.0

    @property
    def duration_s(self) -> float:
        """The journey's own time in seconds: its steps and what is between them, without our work around them."""
        return time.monotonic() - self._began - self._aside_s

    def step(self, name: str, *, timeout: str | None, soft: bool, always: bool) -> AbstractAsyncContextManager[None]:
        return _Step(self, name, parse_duration(timeout) if timeout else STEP_TIMEOUT_S, soft, always)

    def begin(self, name: str, always: bool) -> StepRecord:
        if self.expired and not always:
            raise asyncio.CancelledError("the journey's time is over")
        record = StepRecord(len(self._steps), name, time.monotonic(), self._aside_s)
        self._steps.append(record)
        self._emit({"event": "step_began", "index": record.index, "name": name})
        return record

    async def end(self, step: StepRecord, fault: BaseException | None) -> None:
        """Record the end of ``step``, look into ``fault`` if there is one, let figures settle if not."""
        duration_s = time.monotonic() - step.began - (self._aside_s - step.aside_s)
        failure = self._explain(fault) if fault is not None else None
        try:
            with self.aside():
                if failure is None:
                    await self._watcher.settle(step)
                elif fault is not self._examined:  # an outer step sees the fault of its inner one again
                    self._examined = fault
                    failure = await self._watcher.examine(step, failure)
        finally:  # also when the journey's time ends while we look
            self._record(step, failure, duration_s)

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

    def _explain(self, fault: BaseException) -> Failure:
        if isinstance(fault, asyncio.CancelledError) and self.expired:
            return Failure(Reason.DEADLINE, "the journey's time was over")
        return self._watcher.explain(fault)

    def _record(self, step: StepRecord, failure: Failure | None, duration_s: float) -> None:
        self._emit(
            {
                "event": "step_ended",
                "index": step.index,
                "verdict": Verdict.DOWN if failure else Verdict.UP,
                "duration_s": duration_s,
                "message": failure.message if failure else "",
            }
        )
        if failure and self.failure is None:
            self.failure = Failure(failure.reason, f"{step.name}: {failure.message}")
            self._emit({"event": "failure", **asdict(self.failure)})


class _Step:
    def __init__(self, run: Run, name: str, timeout_s: float, soft: bool, always: bool) -> None:
        self._run = run
        self._name = name
        self._timeout_s = timeout_s
        self._soft = soft
        self._always = always

    async def __aenter__(self) -> None:
        self._record = self._run.begin(self._name, self._always)
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
        await self._run.end(self._record, late or fault)
        if late and not self._soft:
            raise late from fault
        return self._soft and isinstance(late or fault, Exception)
