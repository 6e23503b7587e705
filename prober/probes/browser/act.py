"""One run in a browser: a fresh context, its vitals and evidence, and the rescue of pages that hang."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page
from playwright.async_api import Error as PlaywrightError

from prober.faults import ProbeError, describe
from prober.journey.host import http_client
from prober.journey.run import Emit, Run, StepRecord
from prober.journey.wire import Job
from prober.model import Failure, Observation, Reason
from prober.probes.browser.collector import BINDING, QUIET_MS, SCRIPT, Collector
from prober.probes.browser.dossier import Dossier
from prober.probes.browser.explain import explain
from prober.probes.browser.network import Network
from prober.probes.browser.recording import Recording
from prober.probes.browser.rescue import answers, frozen, interrupt, within
from prober.probes.browser.watch import Watch, open_pages, shown_url

OPEN_S = 10.0
CLOSE_S = 3.0
ACTION_S = 15.0  # Playwright's own limit for one action, where the journey sets none
FLUSH_S = 1.0
SETTLE_S = 3.0
PING_S = 1.0
ORDINARY_BUDGET_S = 20.0  # runs with less time have proportionally less for looking into a failure
LEFT_BY_SCRIPT = ("goto", "reload", "close")  # calls after which a page can no longer be asked


class BrowserAct:
    """The surroundings of one journey in a browser."""

    def __init__(self, browser: Browser, context: BrowserContext, job: Job, emit: Emit, recording: Recording) -> None:
        self.fixtures: dict[str, Any] = {"context": context, "params": dict(job.params)}
        self.reusable = True
        self._browser = browser
        self._context = context
        self._job = job
        self._haste = min(1.0, max(0.3, job.budget_s / ORDINARY_BUDGET_S))
        self._collector = Collector(emit)
        self._watch = Watch(context)
        self._dossier = Dossier(context, job, emit, self._watch, recording, self._haste)
        self._network = Network(job, lambda: self._run.step_index if self._run else None)
        self._sessions: dict[Page, CDPSession] = {}
        self._opening: list[asyncio.Future[None]] = []
        self._still_url = ""
        self._settled_s = 0.0
        self._run: Run | None = None

    async def open(self) -> None:
        """Prepare the context before its first page, then open that."""
        self._context.set_default_timeout(ACTION_S * 1000)
        await asyncio.gather(
            self._context.expose_binding(BINDING, self._collector.take), self._context.add_init_script(SCRIPT)
        )
        await self._dossier.open()
        self._context.on("page", self._prepare)
        self.fixtures["page"] = await self._context.new_page()
        await asyncio.gather(*self._opening)

    async def close(self) -> None:
        # A browser in doubt is ended as a whole; waiting for its answer would only take time.
        if self.reusable and await within(CLOSE_S, self._closed()) is None:
            self.reusable = False
        await self._dossier.close()

    def attach(self, run: Run) -> None:
        self._run = run
        self._dossier.attach(run)

    def explain(self, fault: BaseException) -> Failure:
        return explain(fault, self._job.file)

    async def settle(self, step: StepRecord) -> None:
        if not self._moved():  # where it did, the waiting comes first, and one flush after it is enough
            await self._flush()
        page = self._current()
        if page and self._moved():
            began = time.monotonic()
            still = await self._wait_until_still(page)
            self._settled_s += time.monotonic() - began
            if still:
                self._tell()
            else:
                await self._flush()
            self._collector.fresh = False
            self._still_url = page.url
        await self._dossier.picture(page, step, failed=False)

    async def examine(self, step: StepRecord | None, failure: Failure) -> Failure:
        page, limit_s = self._current(), PING_S * self._haste
        hung = page is not None and not await answers(page, limit_s)
        # Asked only now: the news of a crash may come after the error it caused.
        if not self._browser.is_connected():
            self.reusable = False
            return Failure(Reason.BROWSER_CRASH, "the browser ended by itself")
        if self._watch.crashed:
            self.reusable = False
            return Failure(Reason.PAGE_CRASH, f"the page crashed; {failure.message}")
        if page and hung:
            failure = await self._revive(page, failure, limit_s)
        if failure.reason is not Reason.BROWSER_CRASH:
            # What is wrong is known; where the journey's time is over, the rest must leave some to its clean-up.
            await within(self._run.looking_s if self._run else None, self._look_at(step))
        return failure

    async def _look_at(self, step: StepRecord | None) -> None:
        await self._dossier.picture(self._current(), step, failed=True)
        await self._flush()

    async def finish(self, seen: Callable[[], Observation]) -> Mapping[str, Any]:
        await self._flush()
        page = self._current()
        last_url = shown_url(page.url) if page else None
        await self._dossier.finish(page, last_url, seen())
        told = {"last_url": last_url, "settle_s": round(self._settled_s, 3)}
        return {**told, **self._watch.counts, **self._network.facts}

    def _prepare(self, page: Page) -> None:
        for name in LEFT_BY_SCRIPT:
            setattr(page, name, self._flushed_first(page, getattr(page, name)))
        self._opening.append(asyncio.ensure_future(self._open_session(page)))

    async def _open_session(self, page: Page) -> None:
        session = await within(OPEN_S, self._context.new_cdp_session(page))
        if session is not None:
            self._sessions[page] = session
            await within(OPEN_S, self._network.apply(session))
            await self._dossier.follow(session)

    def _flushed_first(self, page: Page, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **options: Any) -> Any:
            if self._run is not None and _measurable(page):
                with self._run.aside():
                    await within(FLUSH_S, _ask(page, "__prober_flush"))
            return await method(*args, **options)

        return call

    def _moved(self) -> bool:
        """Whether there is another page or route than when it was last still."""
        page = self._current()
        # A new route's entry may come after its address.
        return self._collector.fresh or (page is not None and page.url != self._still_url)

    def _current(self) -> Page | None:
        """The page opened last of those still open."""
        return next(reversed(list(open_pages(self._context))), None)

    async def _flush(self) -> None:
        """Ask every page for its last word and tell what has become known."""
        pages = [page for page in open_pages(self._context) if _measurable(page)]
        limit_s = FLUSH_S * self._haste
        await asyncio.gather(*(within(limit_s, _ask(page, "__prober_flush")) for page in pages))
        self._tell()

    def _tell(self) -> None:
        if self._run is not None:
            self._collector.tell(self._run.step_at)

    async def _wait_until_still(self, page: Page) -> bool:
        """Wait until the page is loaded and nothing that may move a value has happened for a while; bounded."""
        until = time.monotonic() + SETTLE_S * self._haste
        while _measurable(page) and (left_s := until - time.monotonic()) > 0:
            still = await within(left_s, page.evaluate("quiet => window.__prober_still?.(quiet)", QUIET_MS))
            if still and not self._watch.awaited(page):
                return True
            await asyncio.sleep(0.1)
        return False

    async def _revive(self, page: Page, failure: Failure, limit_s: float) -> Failure:
        """Get a page that does not answer to speak again, so that it can still be looked at."""
        self.reusable = False
        revived = await interrupt(self._sessions.get(page), limit_s)
        if not revived and await frozen(self._browser, limit_s):
            return Failure(Reason.BROWSER_CRASH, "the browser stopped answering")
        return Failure(Reason.PAGE_HUNG, f"the page stopped answering, a script of it never yields; {failure.message}")

    async def _closed(self) -> bool:
        await self._context.close()
        return True


@asynccontextmanager
async def open_act(browser: Browser, job: Job, emit: Emit, options: Mapping[str, Any]) -> AsyncIterator[BrowserAct]:
    """A fresh context with one page for one run. Raises ProbeError(browser_crash) where there is none to be had."""
    recording = Recording(job)
    try:
        async with asyncio.timeout(min(OPEN_S, job.budget_s)):
            context = await browser.new_context(**options, **recording.options)
            act = BrowserAct(browser, context, job, emit, recording)
            await act.open()
    except (TimeoutError, PlaywrightError) as error:
        raise ProbeError(Reason.BROWSER_CRASH, f"the browser opens no page: {describe(error)}") from None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(act.close)
        if "http" in job.arguments:
            act.fixtures["http"] = await stack.enter_async_context(http_client(job))
        yield act


def _measurable(page: Page) -> bool:
    return not page.is_closed() and page.url.startswith(("http:", "https:", "file:"))


async def _ask(page: Page, name: str) -> Any:
    return await page.evaluate(f"window.{name}?.()")
