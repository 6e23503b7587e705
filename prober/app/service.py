"""The running prober: live objects, how a result flows through them, and how they change on a reload."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from prober.app.alarm import Alarm, notifiers
from prober.app.artifacts import Archive
from prober.app.assemble import open_engine, open_sink, redactor_for
from prober.app.logs import configure_logs
from prober.app.pools import pools_of
from prober.app.replies import StoreReplies
from prober.app.targets import Place
from prober.app.telemetry import Reloads, SelfMetrics, registry_of
from prober.app.troubles import Troubles
from prober.app.upkeep import keep_tidy
from prober.clock import Clock
from prober.config import Config, Loaded
from prober.engine import Engine
from prober.log import Log
from prober.model import Check, Result, Verdict
from prober.probes import Flight
from prober.schedule import Scheduler
from prober.selfwatch import Egress, Heartbeat, LoopWatch
from prober.sinks import Sink, SinkSpec
from prober.sinks.prometheus import Exposition
from prober.state import State
from prober.web import Health, Row, View, WebServer, create_app

GRACE_S = 10.0
FLUSH_S = 5.0
STATES_AT_ONCE = 50  # taken without a pause for the probes
EGRESS_TURN_S = 60.0
ALARM_LOOK_S = 1.0
STUCK_S = 30.0  # a scheduler that has not looked at its slots for this long is not alive

_log = Log(__name__)


@dataclass(slots=True)
class _Engines:
    """The engine in use and what closes it."""

    engine: Engine
    resources: AsyncExitStack
    key: object


@dataclass
class Service:
    """One prober in one region."""

    place: Place
    environ: Mapping[str, str]
    clock: Clock
    on_result: Callable[[Result], None]
    checks: tuple[Check, ...] = ()
    _known: Mapping[str, Check] = field(default_factory=dict)
    _latest: dict[str, Result] = field(default_factory=dict)
    _states: dict[str, State] = field(default_factory=dict)
    _fresh_states: deque[tuple[str, State]] = field(default_factory=deque)
    _sinks: dict[str, tuple[SinkSpec, Sink]] = field(default_factory=dict)
    _heartbeat: Heartbeat | None = None
    _heartbeat_task: asyncio.Task[None] | None = None
    _closing: set[asyncio.Task[None]] = field(default_factory=set)
    _ending: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def region(self) -> str:
        """Where it runs."""
        return self.place.region

    @property
    def url(self) -> str:
        """Where the web side answers."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._web.port}"

    async def start(self, loaded: Loaded, host: str, port: int) -> None:
        """Start everything, the alerting side first, so that nothing is measured that could not be told.

        Raises UserFault for a port or a store that cannot be had.
        """
        self._loop = asyncio.get_running_loop()
        self._loaded, self._host = loaded, host
        config = loaded.config
        self._loop_watch = LoopWatch(self.clock)
        self._exposition = Exposition(config.job, self.region)
        self._egress = Egress(config.selfwatch.egress, self.clock)
        self._troubles = Troubles(self.clock, lambda: self._egress, lambda: self._alarm.broken())
        self._alarm = Alarm(self.place, self.clock, self._troubles, self._hand_over_state)
        self._alarm.open(loaded)
        self._ending.callback(self._alarm.shut)
        self._reloads = Reloads(loaded.digest, True, self.clock.wall())
        self._scheduler = Scheduler(
            self.clock, self._run, self._exposition.count_missed, *self._place(config), begin=self._begin
        )
        self._archive = _open_archive(loaded)
        self._web = WebServer(create_app(self._view()), host, port)
        self._web.start()
        self._ending.callback(self._web.stop, FLUSH_S)
        self._engines = await self._open_engines(loaded)
        self._calendar = keep_tidy(lambda: self._loaded, lambda: self._archive, self._alarm, self.clock)
        self._ending.callback(lambda: self._calendar.shutdown(wait=False))
        self._adopt(loaded)
        self._alarm.start(config)
        self._scheduler.update(self.checks)

    async def watch(self) -> None:
        """Take slots and watch the loop until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._scheduler.serve())
            group.create_task(self._loop_watch.watch())
            group.create_task(self._watch_egress())
            group.create_task(self._watch_alarm())

    async def reload(self, loaded: Loaded) -> None:
        """Go on with ``loaded``: the new is built first, then swapped in, then the old is closed."""
        config, before = loaded.config, self._loaded.config
        for name in ("store", "web", "job"):
            if getattr(config, name) != getattr(before, name):
                _log.warning("a change that takes effect at the next start", section=name)
        # All that can fail comes first; what follows only puts what was built into its place.
        notifiers(config)
        old = self._engines
        fresh = await self._open_engines(loaded) if self._engine_key(loaded) != old.key else old
        configure_logs(redactor_for(loaded), config.logs.format, config.logs.level)
        self._engines = fresh
        if fresh is not old:
            self._spawn(_close_when_idle(old))
        if config.selfwatch.egress != self._egress.canaries:
            self._egress = Egress(config.selfwatch.egress, self.clock)
        self._adopt(loaded)
        self._alarm.configure(config)
        self._scheduler.region_index, self._scheduler.regions = self._place(config)
        self._scheduler.update(self.checks)
        self._reloads.digest, self._reloads.successful = loaded.digest, True
        self._reloads.succeeded_at = self.clock.wall()
        _log.info("reloaded", checks=len(self.checks), digest=loaded.digest[:16])

    def refuse_reload(self) -> None:
        """The configuration on disk cannot be used; what runs goes on."""
        self._reloads.successful = False

    def confirm_reload(self) -> None:
        """The configuration on disk is the one that runs, again."""
        self._reloads.successful = True

    async def stop(self) -> None:
        """Take no more slots, let runs end, flush every queue, close everything."""
        if hasattr(self, "_engines"):
            for check_id in await self._scheduler.stop(GRACE_S):
                self._exposition.count_cancelled(check_id)
                _log.warning("a run was cancelled", check=check_id)
            await self._engines.resources.aclose()
            for task in self._closing:
                task.cancel()
            await asyncio.gather(*self._closing, return_exceptions=True)
            if self._heartbeat_task:
                self._heartbeat_task.cancel()
            await asyncio.to_thread(self._alarm.close, FLUSH_S)
            await asyncio.to_thread(self._archive.close, FLUSH_S)
            await asyncio.gather(*(asyncio.to_thread(sink.close, FLUSH_S) for _, sink in self._sinks.values()))
        await self._ending.aclose()

    async def _watch_egress(self) -> None:
        while True:  # a reload puts another in its place
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EGRESS_TURN_S):
                    await self._egress.watch()

    async def _watch_alarm(self) -> None:
        """End the prober with the thread that would tell of anything: whoever supervises it starts another."""
        while True:
            await asyncio.sleep(ALARM_LOOK_S)
            if not self._alarm.alive:
                raise RuntimeError("a thread of the alerting side is gone: nothing would be told any more")

    # A result's way.

    async def _run(self, check: Check, slot: float, until: float) -> bool:
        engine = self._engines.engine
        result = await engine.run_slot(check, slot, until, self._exposition.observe_lag)
        if result is None:
            return False
        self._take(check, await self._egress.vouch(result))
        return True

    def _begin(self, check: Check, slot: float, ended: Callable[[], None]) -> Flight | None:
        def take(result: Result) -> None:
            if self._egress.doubts(result):
                self._spawn(self._take_once_vouched(check, result, ended))
                return
            try:
                self._take(check, result)
            finally:
                ended()

        return self._engines.engine.begin(check, slot, self._exposition.observe_lag, take)

    async def _take_once_vouched(self, check: Check, result: Result, ended: Callable[[], None]) -> None:
        try:
            self._take(check, await self._egress.vouch(result))
        finally:
            ended()

    def _take(self, check: Check, result: Result) -> None:
        known = self._known.get(check.id)
        if known is check or known == check:  # a reload may have changed or removed it meanwhile
            self._publish(result)

    def _publish(self, result: Result) -> None:
        result = self._archive.linked(result)
        self._troubles.take(result)
        self._alarm.recorder.put(
            result
        )  # first: nothing that only shows or copies may come between a result and its alert
        self._latest[result.check.id] = result
        self._exposition.offer(result)
        for _, sink in self._sinks.values():
            sink.offer(result)
        self._archive.offer(result)
        self.on_result(result)

    def _hand_over_state(self, check_id: str, state: State) -> None:
        """Called in the recorder's thread; what follows happens on the loop, which may be closing."""
        self._fresh_states.append((check_id, state))
        if len(self._fresh_states) == 1:  # whoever is taking them takes this one too
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._take_states)

    def _take_states(self) -> None:
        """Take what was committed: a batch may hold thousands, and each would wake the loop."""
        try:
            for _ in range(min(STATES_AT_ONCE, len(self._fresh_states))):
                self._take_state(*self._fresh_states.popleft())
        finally:
            if self._fresh_states:
                self._loop.call_soon(self._take_states)

    def _take_state(self, check_id: str, state: State) -> None:
        """A state that was committed: shown from now on, and deciding on re-checks."""
        if check_id not in self._known:
            return
        self._states[check_id] = state
        self._exposition.set_state(check_id, state.verdict, state.failures)
        self._scheduler.set_undecided(check_id, state.undecided)

    # What a configuration makes of it.

    def _adopt(self, loaded: Loaded) -> None:
        """Checks, sinks and the heartbeat of ``loaded`` from now on."""
        self._loaded = loaded
        self.checks = tuple(check for check in loaded.config.checks if self.place.runs(check))
        before, self._known = self._known, {check.id: check for check in self.checks}
        for gone in before.keys() - self._known.keys():
            self._exposition.remove(gone)
            self._latest.pop(gone, None)
            self._states.pop(gone, None)
            self._troubles.forget(gone)
        for check in self.checks:
            self._exposition.add(check)
        self._adopt_sinks(loaded.config.sinks)
        self._adopt_heartbeat(loaded.config)
        if loaded.config.artifacts != self._archive.spec:
            before_archive, self._archive = self._archive, _open_archive(loaded)
            self._spawn(asyncio.to_thread(before_archive.close, FLUSH_S))

    def _adopt_sinks(self, specs: Sequence[SinkSpec]) -> None:
        wanted = {f"{spec.kind}-{index}" if index else spec.kind: spec for index, spec in enumerate(specs)}
        before, self._sinks = self._sinks, {}
        for name, spec in wanted.items():
            known = before.get(name)
            if known is not None and known[0] == spec:
                self._sinks[name] = before.pop(name)
            else:
                self._sinks[name] = (spec, open_sink(spec))
        for _, sink in before.values():
            self._spawn(asyncio.to_thread(sink.close, FLUSH_S))

    def _adopt_heartbeat(self, config: Config) -> None:
        if self._heartbeat_task:
            self._heartbeat_task.cancel()
        self._heartbeat = self._heartbeat_task = None
        if config.heartbeat:
            self._heartbeat = Heartbeat(config.heartbeat.url, config.heartbeat.every, lambda: self._healthy().ok)
            self._heartbeat_task = asyncio.create_task(self._heartbeat.beat(), name="heartbeat")

    def _place(self, config: Config) -> tuple[int, int]:
        """This region's index among all, for slots that interleave."""
        regions = config.regions or (self.region,)
        return regions.index(self.region), len(regions)

    def _engine_key(self, loaded: Loaded) -> object:
        config = loaded.config
        kinds = frozenset(check.kind for check in config.checks if self.place.runs(check))
        return kinds, config.browser, config.concurrency, config.artifacts, frozenset(loaded.secrets)

    async def _open_engines(self, loaded: Loaded) -> _Engines:
        key = self._engine_key(loaded)
        resources = AsyncExitStack()
        engine = await resources.enter_async_context(
            open_engine(
                loaded,
                {check.kind for check in loaded.config.checks if self.place.runs(check)},
                self.region,
                self.clock,
                self.environ,
                artifacts=loaded.base / loaded.config.artifacts.dir,
                stalled_since=self._loop_watch.stalled_since,
            )
        )
        return _Engines(engine, resources, key)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # What the web is shown.

    def _view(self) -> View:
        metrics = SelfMetrics(
            self.region,
            self._reloads,
            self._loop_watch,
            self._alarm,
            lambda: {name: sink for name, (_, sink) in self._sinks.items()},
            lambda: self._heartbeat,
            lambda: pools_of(self._engines.engine.probes) if hasattr(self, "_engines") else {},
            lambda: self._archive.uploads,
        )
        return View(
            region=self.region,
            exposition=self._exposition,
            registry=registry_of(metrics),
            snapshot=self._snapshot,
            healthy=self._healthy,
            ready=self._ready,
            clock=self.clock,
            artifact=lambda identity: self._archive.find(identity),
            incidents=lambda: self._alarm.incidents,
            replies=StoreReplies(self._alarm),
        )

    def _snapshot(self) -> list[Row]:
        return [self._row(check) for check in self.checks]

    def _row(self, check: Check) -> Row:
        result, state = self._latest.get(check.id), self._states.get(check.id)
        due_s = self._scheduler.due_in_s(check.id)
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

    def _healthy(self) -> Health:
        silent_s = self.clock.monotonic() - self._scheduler.beat
        if silent_s > STUCK_S:
            return Health(False, f"the scheduler has not moved for {silent_s:.0f} s")
        if hasattr(self, "_engines") and not self._alarm.alive:
            return Health(False, "a thread of the alerting side is gone")
        return Health(True)

    def _ready(self) -> Health:
        return Health(True) if self._alarm.recorder.alive else Health(False, "starting")


def _undecided(check: Check, state: State) -> str:
    """How far the latest runs are from changing the state."""
    if not state.undecided:
        return ""
    if state.verdict is Verdict.DOWN:
        return f"back for {state.successes} of {check.alert.up_after}"
    return f"failing {state.failures} of {check.alert.down_after}"


def _open_archive(loaded: Loaded) -> Archive:
    config = loaded.config
    archive = Archive(loaded.base / config.artifacts.dir, config.artifacts, config.web.public_url)
    archive.start()
    return archive


async def _close_when_idle(old: _Engines) -> None:
    try:
        await old.engine.idle()
    finally:  # also when the prober stops before that
        await old.resources.aclose()
