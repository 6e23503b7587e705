"""What the web side is shown of a running prober."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prober.alerting.gates import covers
from prober.app.alarm import Alarm
from prober.app.assemble import redactor_for
from prober.app.replies import StoreReplies
from prober.app.running import Runner
from prober.app.service.elsewhere import Elsewhere, Seen
from prober.app.service.flow import Flow
from prober.app.service.inner import Inner
from prober.app.telemetry import SelfMetrics, registry_of
from prober.clock import Clock
from prober.config import Loaded, Maintenance
from prober.history import History
from prober.model import Check, Hush, Verdict
from prober.state import State
from prober.web import Actions, Health, Row, View

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
    loaded: Callable[[], Loaded]
    elsewhere: Elsewhere
    history: History
    actions: Actions

    def view(self, metrics: SelfMetrics) -> View:
        """All of it, for the web."""
        return View(
            region=self.region,
            exposition=self.flow.exposition,
            registry=registry_of(metrics),
            snapshot=lambda: self._rows(self.checks()),
            one=self._one,
            healthy=self.healthy,
            ready=self._ready,
            clock=self.clock,
            artifact=lambda identity: self.flow.outlets.archive.find(identity),
            incidents=lambda: self.alarm.incidents,
            replies=StoreReplies(self.alarm),
            checks=self.checks,
            inner=Inner(
                metrics, self.flow.exposition, self.alarm, self.elsewhere, self.clock, self.checks, self.clock.wall()
            ),
            masked=lambda value: redactor_for(self.loaded()).value(value),
            history=self.history,
            actions=self.actions,
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

    def _one(self, check_id: str) -> Row | None:
        return next(iter(self._rows([check for check in self.checks() if check.id == check_id])), None)

    def _rows(self, checks: Sequence[Check]) -> list[Row]:
        seen, now = self.elsewhere(), self.clock.wall()
        windows = [window for window in self.loaded().config.maintenance if window.active(now)]
        hushes = [hush for hush in seen.maintenance if hush.starts_at <= seen.store_now < hush.ends_at]
        return [self._row(check, seen, _maintenance(check, windows, hushes)) for check in checks]

    def _row(self, check: Check, seen: Seen, maintenance: str) -> Row:
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
            regions=seen.states.get(check.id, ()),
            maintenance=maintenance,
            certificates=result.observation.certificates if result else (),
            run_id=result.run_id if result else "",
            verdict=result.verdict if result else None,
        )


def _maintenance(check: Check, windows: Iterable[Maintenance], hushes: Iterable[Hush]) -> str:
    """The first maintenance that ``check`` is under, of those that are on; empty where under none."""
    reasons = [window.reason for window in windows if window.selects(check)]
    reasons += [hush.reason for hush in hushes if covers(hush, check)]
    return (reasons[0] or "maintenance") if reasons else ""


def _undecided(check: Check, state: State) -> str:
    """How far the latest runs are from changing the state."""
    if not state.undecided:
        return ""
    if state.verdict is Verdict.DOWN:
        return f"back for {state.successes} of {check.alert.up_after}"
    return f"failing {state.failures} of {check.alert.down_after}"
