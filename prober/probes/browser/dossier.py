"""Everything that explains one run in a browser, gathered while it goes on and written when it is over."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Page

from prober.journey.evidence import Drawer, describe_run
from prober.journey.run import Emit, Run, StepRecord
from prober.journey.wire import Job
from prober.model import Judgement, Observation, Reason, Verdict
from prober.probes.browser.camera import Camera, Filmstrip
from prober.probes.browser.recording import Recording
from prober.probes.browser.watch import Watch
from prober.probes.browser.waterfall import Waterfall

MEASURE_S = 1.5


class Dossier:
    """Keeps evidence of runs that fail, or of all where that is wanted; never raises, and takes bounded time."""

    def __init__(
        self, context: BrowserContext, job: Job, emit: Emit, watch: Watch, recording: Recording, haste: float
    ) -> None:
        self._context = context
        self._job = job
        self._watch = watch
        self._haste = haste
        self._drawer = Drawer(job, emit)
        self._camera = Camera(self._drawer, job.secrets, haste)
        self._waterfall = Waterfall(context)
        self._recording = recording
        filmed = self._drawer.open and self._drawer.wanted.filmstrip and not job.secrets
        self._filmstrip = Filmstrip() if filmed else None
        self._run: Run | None = None
        self._judgement = Judgement(Verdict.UNKNOWN, Reason.INTERNAL, "not over", ())

    async def open(self) -> None:
        """Start what records, before the first page."""
        await self._recording.start(self._context)

    def attach(self, run: Run) -> None:
        self._run = run

    async def follow(self, session: CDPSession) -> None:
        """A page was opened."""
        if self._filmstrip:
            await self._filmstrip.film(session)

    async def picture(self, page: Page | None, step: StepRecord | None, *, failed: bool) -> None:
        """A step has ended, or the journey without one."""
        if page is not None:
            label = f"{step.index + 1}-{step.name}" if step else "journey"
            await (self._camera.shoot_failure if failed else self._camera.shoot_pass)(page, label)

    async def finish(self, page: Page | None, last_url: str | None, seen: Observation) -> None:
        """Write it all down; what matters most comes first, since time may be over soon."""
        if self._run is None or not self._drawer.open:
            return
        self._judgement = self._drawer.judge(seen)
        if self._failed and self._run.failure is None:
            await self.picture(page, None, failed=True)  # of a run that ended well, only not well enough
        if self._drawer.wants(self._judgement):
            await self._waterfall.measure(MEASURE_S * self._haste)
            self._drawer.keep_document(self._document(self._run, last_url))
            if self._filmstrip and (strip := self._filmstrip.develop(self._began_at(self._run))):
                self._drawer.keep("filmstrip", "filmstrip.zip", strip)
        await self._recording.stop(self._context, self._drawer, self._traceworthy, self._haste)

    async def close(self) -> None:
        """The context is closed; only now there is a video."""
        await asyncio.to_thread(self._recording.keep_video, self._drawer, self._traceworthy)

    @property
    def _failed(self) -> bool:
        return self._judgement.verdict is not Verdict.UP

    @property
    def _traceworthy(self) -> bool:
        return self._failed or self._drawer.wanted.trace == "on"

    def _document(self, run: Run, last_url: str | None) -> dict[str, Any]:
        return {
            **describe_run(self._job, run, self._judgement),
            "url": last_url,
            **self._watch.evidence(run.began),
            "requests": self._waterfall.rows(run.began, run.step_at),
            "requests_dropped": self._waterfall.dropped,
        }

    def _began_at(self, run: Run) -> float:
        return time.time() - (time.monotonic() - run.began)
