"""What the web side is shown of a running prober."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prober.app.alarm import Alarm
from prober.app.replies import StoreReplies
from prober.app.running import Runner
from prober.app.service.flow import Flow
from prober.app.telemetry import SelfMetrics, registry_of
from prober.clock import Clock
from prober.history import History
from prober.model import Check, Verdict
from prober.state import State
from prober.web import Health, Row, View

STUCK_S = 30.0  # a scheduler that has not looked at its slots for this long is not alive


@dataclass(frozen=True, slots=True)
class Sight:
    """Reads the live objects; all of it is called from the web's thread."""

    region: str
    clock: Clock
    flow: Flow
    alarm: Alarm
    runner: Runner
    checks: Callable[[], tuple[Check, ...]]
    started: Callable[[], bool]
    history: History

    def view(self, metrics: SelfMetrics) -> View:
        """All of it, for the web."""
        return View(
            region=self.region,
            exposition=self.flow.exposition,
            registry=registry_of(metrics),
            snapshot=lambda: [self._row(check) for check in self.checks()],
            healthy=self.healthy,
            ready=self._ready,
            clock=self.clock,
            artifact=lambda identity: self.flow.outlets.archive.find(identity),
            incidents=lambda: self.alarm.incidents,
            replies=StoreReplies(self.alarm),
            checks=self.checks,
            history=self.history,
        )

    def healthy(self) -> Health:
        """Whether everything that must move does."""
        silent_s = self.clock.monotonic() - self.runner.beat
        if silent_s > STUCK_S:
            return Health(False, f"the scheduler has not moved for {silent_s:.0f} s")
        if self.started() and not self.alarm.alive:
            return Health(False, "a thread of the alerting side is gone")
        return Health(True)

    def _ready(self) -> Health:
        return Health(True) if self.alarm.recorder.alive else Health(False, "starting")

    def _row(self, check: Check) -> Row:
        result, state = self.flow.latest.get(check.id), self.flow.states.get(check.id)
        due_s = self.runner.due_in_s(check.id)
        return Row(
            check_id=check.id,
            kind=check.kind,
            target=check.target,
            title=check.title or "",
            state=state.verdict if state else Verdict.UNKNOWN,
            reason=result.reason if result else None,
            message=result.message if result else "",
            last_run_at=result.started_at if result else None,
            duration_s=result.duration_s if result else None,
            next_run_at=None if due_s is None else self.clock.wall() + due_s,
            since=state.since if state else None,
            undecided=_undecided(check, state) if state else "",
        )


def _undecided(check: Check, state: State) -> str:
    """How far the latest runs are from changing the state."""
    if not state.undecided:
        return ""
    if state.verdict is Verdict.DOWN:
        return f"back for {state.successes} of {check.alert.up_after}"
    return f"failing {state.failures} of {check.alert.down_after}"
