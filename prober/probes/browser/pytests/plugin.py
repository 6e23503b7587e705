"""The pytest plugin around tests that are checks: tells each test, and the vitals of every page it shows."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Generator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page
from playwright.sync_api import Error as PlaywrightError

from prober.probes.browser.collector import BINDING, QUIET_MS, SCRIPT, Collector
from prober.probes.browser.explain import explain
from prober.probes.browser.watch import Watch, shown_url

SETTLE_S = 2.0
SCREENSHOT_MS = 3000
REPORT_CHARACTERS = 8000  # of what pytest says of a failure, the end is kept
STILL = """([quiet, limit]) => Promise.race([
    window.__prober_still?.(quiet), new Promise(done => setTimeout(done, limit)),
])"""
PREFIXES = ("http:", "https:", "file:")


class Reporter:
    """Writes events to the worker; one for each pytest process."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.launch: Mapping[str, Any] = told["launch"]
        self.engine: str = told["engine"]
        self._told = told
        self._collector = Collector(self.tell)
        self._watched: list[tuple[BrowserContext, Watch]] = []
        self._begun: list[float] = []
        self._failed = False

    def tell(self, event: Mapping[str, Any]) -> None:
        rest = json.dumps(event).encode() + b"\n"
        while rest:
            rest = rest[os.write(self._told["events"], rest) :]

    def watch(self, context: BrowserContext) -> BrowserContext:
        """Have the vitals of every page of ``context`` collected."""
        context.expose_binding(BINDING, self._collector.take)
        context.add_init_script(SCRIPT)
        self._watched.append((context, Watch(cast(Any, context))))  # the same words in both of Playwright's worlds
        return context

    def user_agent(self, asked: str | None, browser: Browser) -> str | None:
        """``asked``, or the browser's own where it tells, with who we are behind it."""
        if asked is None and self.engine == "chromium":
            session = browser.new_browser_cdp_session()
            asked = str(session.send("Browser.getVersion")["userAgent"]).replace("HeadlessChrome", "Chrome")
            session.detach()
        return asked and f"{asked} {self._told['agent']}"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")] or [
                str(report.longrepr)
            ]
            self.tell(
                {"event": "broken", "reason": "script_error", "message": lines[-1].removeprefix("E ").strip()[:500]}
            )

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._failed = False

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._watched = [(context, watch) for context, watch in self._watched if context.pages]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._begin(item.name)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "call":
            self._end(item, call, report)
        elif report.failed and not self._failed:
            self._begin(item.name if call.when == "setup" else f"{item.name} ({call.when})")
            self._end(item, call, report)
        return report

    def _begin(self, name: str) -> None:
        self._begun.append(time.monotonic())
        self.tell({"event": "began", "name": name})

    def _step_at(self, moment: float) -> int | None:
        """The step, which is the number of the test, that had begun last at a monotonic ``moment``."""
        return max(0, sum(began <= moment for began in self._begun) - 1) if self._begun else None

    def _end(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        ended: dict[str, Any] = {"event": "ended", "reason": "", "message": ""}
        self._failed = report.failed
        if report.failed:
            fault = call.excinfo.value if call.excinfo else AssertionError(str(report.longrepr))
            failure = explain(fault, str(item.path))
            ended |= {"reason": failure.reason.value, "message": failure.message.partition("\n")[0][:500]}
            self._take_pictures(item.name)
            self._explain(item.name, report)
        self.tell(ended)
        self._settle()

    def _settle(self) -> None:
        """Let the figures of open pages become final, within bounds; off the test's clock."""
        until = time.monotonic() + SETTLE_S
        for page in self._pages():
            try:
                left_ms = (until - time.monotonic()) * 1000
                if not self._failed and left_ms > 0:
                    page.evaluate(STILL, [QUIET_MS, left_ms])
                page.evaluate("window.__prober_flush?.()")
            except PlaywrightError:  # the page went away
                continue
        self._collector.tell(self._step_at)

    def _pages(self) -> list[Page]:
        return [
            page
            for context, _ in self._watched
            for page in context.pages
            if not page.is_closed() and page.url.startswith(PREFIXES)
        ]

    def _explain(self, name: str, report: pytest.TestReport) -> None:
        """Tell what pytest says of a failure, and what every page then open had said."""
        began = self._begun[-1]
        contexts = [
            {"urls": [shown_url(page.url) for page in context.pages], **watch.evidence(began)}
            for context, watch in self._watched
        ]
        text = report.longreprtext[-REPORT_CHARACTERS:]
        self.tell({"event": "evidence", "test": name, "text": text, "contexts": contexts})

    def _take_pictures(self, name: str) -> None:
        if self._told["artifacts"] is None:
            return
        for number, page in enumerate(self._pages()):
            place = (
                Path(self._told["artifacts"]) / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')[:60]}-{number}.png"
            )
            hidden = [page.locator("input, textarea")] if self._told["secrets"] else []
            try:
                page.screenshot(path=place, timeout=SCREENSHOT_MS, mask=hidden)
            except PlaywrightError:  # evidence that cannot be had hides no finding
                continue
            self.tell({"event": "artifact", "kind": "screenshot", "path": str(place)})


def pytest_configure(config: pytest.Config) -> None:
    """Register the reporter, and have every browser and context of these tests go through it."""
    reporter = Reporter(json.loads(os.environ.pop("PROBER_PYTEST")))
    config.pluginmanager.register(reporter, "prober-reporter")
    _patch(reporter)


def _patch(reporter: Reporter) -> None:
    """Tests may open contexts as they like, by whichever fixture: both of Playwright's own ways lead past us."""
    launch, new_context = BrowserType.launch, Browser.new_context

    @wraps(launch)
    def ours(kind: BrowserType, **options: Any) -> Browser:
        given = {name: value for name, value in options.items() if value is not None}
        return launch(kind, **{**given, **reporter.launch} if kind.name == reporter.engine else given)

    @wraps(new_context)
    def watched(browser: Browser, **options: Any) -> BrowserContext:
        agent = reporter.user_agent(options.pop("user_agent", None), browser)
        return reporter.watch(new_context(browser, user_agent=agent, **options))

    for owner, method in ((BrowserType, ours), (Browser, watched)):
        setattr(owner, method.__name__, method)
