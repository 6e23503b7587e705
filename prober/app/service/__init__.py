"""The running prober: its live objects, the order they start and stop in, and how they change on a reload."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prober.app.actions import StoreActions
from prober.app.alarm import Alarm, notifiers
from prober.app.asked import AskedRuns
from prober.app.assemble import open_logs, require_sinks
from prober.app.passive import Intake, Passive
from prober.app.running import Runner, Workload
from prober.app.running.forks import open_environment
from prober.app.running.here import Here
from prober.app.running.spread import Spread
from prober.app.service.elsewhere import Elsewhere
from prober.app.service.flow import Flow
from prober.app.service.front import Front, configured_of
from prober.app.service.front import require as require_front
from prober.app.service.on_demand import OnDemand, open_on_demand
from prober.app.service.outlets import FLUSH_S, Outlets
from prober.app.service.view import Sight
from prober.app.status import herald_of, letter_senders, offer_of
from prober.app.targets import Place
from prober.app.telemetry import Reloads, SelfMetrics
from prober.app.troubles import Troubles
from prober.app.upkeep import keep_tidy
from prober.app.webside import Configured
from prober.clock import Clock
from prober.config import Config, Loaded
from prober.history import History
from prober.log import Log
from prober.model import Check, Result, Verdict
from prober.selfwatch import Egress, Heartbeat
from prober.sinks.prometheus import Exposition
from prober.web import View

if TYPE_CHECKING:
    from prober.web.status.herald import Herald

GRACE_S = 10.0
EGRESS_TURN_S = 60.0
ALARM_LOOK_S = 1.0
HERALD_LOOK_S = 5.0
FIXED = ("store", "job", "engine")
"""Sections that take effect at the start only; of ``web`` all but who may ask."""

_log = Log(__name__)


@dataclass
class Service:
    """One prober in one region."""

    place: Place
    environ: Mapping[str, str]
    clock: Clock
    on_result: Callable[[Result], None]
    blackbox_config: Path | None = None
    """A modules file over the configuration's own."""
    checks: tuple[Check, ...] = ()
    _loaded: Loaded = field(init=False)
    _egress: Egress = field(init=False)
    _outlets: Outlets = field(init=False)
    _flow: Flow = field(init=False)
    _asked: AskedRuns = field(init=False)
    passive: Passive = field(init=False)
    intake: Intake = field(init=False)
    _alarm: Alarm = field(init=False)
    _reloads: Reloads = field(init=False)
    _runner: Runner = field(init=False)
    _sight: Sight = field(init=False)
    _front: Front = field(init=False)
    _started: bool = False
    _on_demand: OnDemand | None = None
    _herald: Herald | None = None
    _heartbeat: Heartbeat | None = None
    _heartbeat_task: asyncio.Task[None] | None = None
    _ending: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def region(self) -> str:
        """Where it runs."""
        return self.place.region

    @property
    def url(self) -> str:
        """Where the web side answers."""
        return self._front.url

    async def start(self, loaded: Loaded, host: str, port: int) -> None:
        """Start everything, the alerting side first, so that nothing is measured that could not be told.

        Raises UserFault for a port or a store that cannot be had.
        """
        self._loaded = loaded
        require_sinks(loaded.config.sinks)
        self._open_measuring(loaded)
        await self._open_front(loaded, self._open_view(loaded), host, port)
        put_in_place = await self._runner.prepare(self._work(loaded))
        self._started = True
        self._calendar = keep_tidy(lambda: self._loaded, lambda: self._outlets.archive, self._alarm, self.clock)
        self._ending.callback(lambda: self._calendar.shutdown(wait=False))
        self._adopt(loaded)
        self._alarm.start(loaded.config)
        self.passive.begin(self._alarm.own, self._alarm.recorder.states)
        put_in_place()

    async def answering(self) -> None:
        """Wait until the web side answers, which may be later than the first probes."""
        await self._front.serving.answering()

    async def watch(self) -> None:
        """Take slots and watch the loop until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._runner.serve())
            group.create_task(self.passive.serve())
            group.create_task(self._watch_egress())
            group.create_task(self._watch_alarm())
            if self._herald is not None:
                group.create_task(self._tell_subscribers(self._herald))

    async def reload(self, loaded: Loaded) -> None:
        """Go on with ``loaded``: the new is built first, then swapped in, then the old is closed."""
        config, before = loaded.config, self._loaded.config
        for name in FIXED:
            if getattr(config, name) != getattr(before, name):
                _log.warning("a change that takes effect at the next start", section=name)
        # All that can fail comes first; what follows only puts what was built into its place.
        notifiers(config)
        require_sinks(config.sinks)
        require_front(config.web)
        put_in_place = await self._runner.prepare(self._work(loaded))
        open_logs(loaded)
        if config.selfwatch.egress != self._egress.canaries:
            self._egress = Egress(config.selfwatch.egress, self.clock)
        self._adopt(loaded)
        if not self._front.adopt(config.web):
            _log.warning("a change that takes effect at the next start", section="web")
        self._alarm.configure(config)
        put_in_place()
        self._reloads.digest, self._reloads.successful = loaded.digest, True
        self._reloads.succeeded_at = self.clock.wall()
        _log.info("reloaded", checks=len(self.checks), digest=loaded.digest[:16])

    async def reload_modules(self) -> None:
        """Go on with what the modules file says now. Raises ConfigFault."""
        if self._on_demand is not None:
            await self._on_demand.reload()

    def modules_file(self, loaded: Loaded) -> Path | None:
        """The file that ``/probe`` goes by; None where there is no such page."""
        name = loaded.config.web.blackbox_config
        return self.blackbox_config or (loaded.base / name if name else None)

    def refuse_reload(self) -> None:
        """The configuration on disk cannot be used; what runs goes on."""
        self._reloads.successful = False

    def confirm_reload(self) -> None:
        """The configuration on disk is the one that runs, again."""
        self._reloads.successful = True

    async def stop(self) -> None:
        """Take no more slots, let runs end, flush every queue, close everything."""
        if self._started:
            await self._runner.stop(GRACE_S)
            await self.passive.close()
            await self._flow.close()
            if self._heartbeat_task:
                self._heartbeat_task.cancel()
            await asyncio.to_thread(self._alarm.close, FLUSH_S)
            await self._outlets.close()
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

    async def _tell_subscribers(self, herald: Herald) -> None:
        while True:
            await asyncio.sleep(HERALD_LOOK_S)
            await asyncio.to_thread(herald.look)

    def _on_state(self, check_id: str, undecided: bool) -> None:
        """A state was committed."""
        self._runner.set_undecided(check_id, undecided)
        self.passive.settled(check_id, self._flow.states[check_id])

    def _on_result(self, result: Result) -> None:
        if result.check.pushed and result.verdict is Verdict.UNKNOWN:
            self.passive.doubted(result.check.id)
        self._asked.take(result)
        self.on_result(result)

    # What a configuration makes of it.

    def _open_measuring(self, loaded: Loaded) -> None:
        """What runs checks, and what becomes of their results."""
        exposition = Exposition(loaded.config.job, self.region)
        self._egress = Egress(loaded.config.selfwatch.egress, self.clock)
        troubles = Troubles(self.clock, lambda: self._egress, lambda: self._alarm.broken())
        self._outlets = Outlets(loaded, exposition)
        self._flow = Flow(
            exposition,
            troubles,
            lambda: self._alarm,
            lambda: self._egress,
            self._outlets,
            self._on_state,
            self._on_result,
            lambda check_id, run_id, why: self._asked.lose(check_id, run_id, why),
        )
        self._asked = AskedRuns(lambda: self._runner, lambda: self._flow.known)
        self.passive = Passive(
            self.place, self.clock, lambda check, result: self._flow.take(check, result, _nobody), self._flow.show
        )
        self.intake = Intake(self.passive)
        self._alarm = Alarm(self.place, self.clock, troubles, self._flow.hand_over_state, letter_senders)
        self._alarm.open(loaded)
        self._ending.callback(self._alarm.shut)
        self._reloads = Reloads(loaded.digest, True, self.clock.wall())
        self._runner = self._open_runner(loaded)

    def _open_view(self, loaded: Loaded) -> View:
        """What the web is shown of it all."""
        self._sight = Sight(
            self.region,
            self.clock,
            self._flow,
            self._alarm,
            self._runner,
            lambda: self.checks,
            lambda: self._started,
            lambda: self._loaded,
            Elsewhere(self._alarm, self.clock),
            self._history(),
            StoreActions(self._alarm, self._asked, lambda: self._loaded.config, self.intake.ingest),
        )
        offer = offer_of(loaded, lambda: self._loaded, self._alarm)
        view = replace(self._sight.view(self._metrics()), signals=self.intake, status=offer)
        self._herald = herald_of(offer, view.history, self.clock)
        return view

    async def _open_front(self, loaded: Loaded, view: View, host: str, port: int) -> None:
        """Listen, and have it served. Raises UserFault."""
        self._on_demand = await self._open_on_demand(loaded)
        if self._on_demand is not None:
            view = replace(view, probe=self._on_demand.ask)
        environ = open_environment(self.environ, loaded.secrets)
        self._front = Front.open(loaded, view, host, port, self._configured, environ)
        await self._front.start()
        self._ending.push_async_callback(self._front.serving.stop, FLUSH_S)
        self._ending.callback(self._asked.close)  # before the web's end, which waits for answers that this loop gives
        if self._on_demand is not None:
            self._ending.push_async_callback(self._on_demand.close)

    def _open_runner(self, loaded: Loaded) -> Runner:
        count = loaded.config.engine.processes
        if count == 1:
            return Here(self.region, self.clock, self.environ, self._flow)
        return Spread(count, self.region, self.clock, self.environ, self._flow, loaded)

    async def _open_on_demand(self, loaded: Loaded) -> OnDemand | None:
        path = self.modules_file(loaded)
        if path is None:
            return None
        opened = open_on_demand(path, loaded, self.region, self.clock, self.environ)
        return await self._ending.enter_async_context(opened)

    def _work(self, loaded: Loaded) -> Workload:
        """What runs here; of the regions' slots, which interleave, this one's."""
        checks = tuple(check for check in loaded.config.checks if self.place.runs(check) and not check.pushed)
        regions = loaded.config.regions or (self.region,)
        return Workload(loaded, checks, regions.index(self.region), len(regions))

    def _adopt(self, loaded: Loaded) -> None:
        """Checks, sinks and the heartbeat of ``loaded`` from now on."""
        self._loaded = loaded
        self.checks = tuple(check for check in loaded.config.checks if self.place.runs(check))
        self._flow.adopt(self.checks)
        self.passive.adopt(self.checks)
        self.intake.adopt(loaded.config.checks, loaded.secrets)
        self._outlets.adopt(loaded)
        self._adopt_heartbeat(loaded.config)

    def _adopt_heartbeat(self, config: Config) -> None:
        if self._heartbeat_task:
            self._heartbeat_task.cancel()
        self._heartbeat = self._heartbeat_task = None
        if config.heartbeat:
            self._heartbeat = Heartbeat(config.heartbeat.url, config.heartbeat.every, lambda: self._sight.healthy().ok)
            self._heartbeat_task = asyncio.create_task(self._heartbeat.beat(), name="heartbeat")

    def _configured(self, known: str) -> Configured | None:
        """What the web goes by, unless that has the digest it knows; it asks again and again, in threads of its own."""
        loaded = self._loaded
        return None if loaded.digest == known else configured_of(loaded, self.place)

    def _history(self) -> History:
        """The past, as the store has it: not the spare, which knows of none."""
        return History(
            self._alarm.past,
            lambda: self._loaded.config.checks,
            windows=lambda: self._loaded.config.maintenance,
            fine_s=lambda: self._loaded.config.store.history,
            clock=self.clock,
        )

    def _metrics(self) -> SelfMetrics:
        return SelfMetrics(
            self.region,
            self._reloads,
            self._runner,
            self._alarm,
            lambda: self._outlets.sinks,
            lambda: self._heartbeat,
            lambda: self._outlets.archive.uploads,
        )


def _nobody() -> None:
    """Nothing waits for the end of a run that others made."""
