"""The worker of pytest files: a pytest process for every run, its reports told as a journey's events."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prober.faults import ProbeError
from prober.journey.authoring import step
from prober.journey.evidence import Drawer, describe_run
from prober.journey.explain import explain
from prober.journey.host import serve
from prober.journey.run import Emit, Run, StepRecord
from prober.journey.wire import EVENTS_BYTES, Job
from prober.model import Failure, Observation, Reason
from prober.probes.browser.find import find_browser, sandboxed
from prober.probes.browser.launch import started_by
from prober.probes.browser.spec import BrowserSettings

PLUGINS = ("prober.probes.browser.pytests.plugin", "prober.probes.browser.pytests.fixtures")
TOLD = "PROBER_PYTEST"
LONGEST = "1h"  # a test has no limit of its own; the check's holds


class Told(Exception):
    """A failure that the tests' own process has explained."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.failure = Failure(reason, message)
        super().__init__(message)


class Suite:
    """One run of a file's tests, in a process of its own."""

    def __init__(self, job: Job, told: Mapping[str, Any], emit: Emit) -> None:
        self._job = job
        self._told = told
        self._emit = emit
        self.evidence: list[dict[str, Any]] = []
        """What explains the tests that failed, one for each."""

    async def run(self) -> None:
        """Tell every test as a step. Raises Told where the file as a whole is wrong."""
        read, write = os.pipe()
        process = await self._start(write)
        os.close(write)
        reader = asyncio.StreamReader(limit=EVENTS_BYTES)
        channel, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb", buffering=0)
        )
        begun = False
        try:
            while (event := await _next(reader)) is not None:
                if event["event"] == "began":
                    begun = True
                    async with step(event["name"], timeout=LONGEST, soft=True):
                        await self._finish_test(reader)
                else:
                    self._pass_on(event)
            await process.wait()
        finally:
            channel.close()
        if not begun:
            raise Told(Reason.SCRIPT_ERROR, f"no tests ran in {Path(str(self._job.params['file'])).name}")

    async def _finish_test(self, reader: asyncio.StreamReader) -> None:
        while (event := await _next(reader)) is not None:
            if event["event"] != "ended":
                self._pass_on(event)
            elif event["reason"]:
                raise Told(Reason(event["reason"]), event["message"])
            else:
                return
        raise Told(Reason.SCRIPT_ERROR, "pytest ended in the middle of the test")

    def _pass_on(self, event: dict[str, Any]) -> None:
        if event["event"] == "broken":
            raise Told(Reason(event["reason"]), event["message"])
        if event["event"] == "evidence":
            self.evidence.append({key: value for key, value in event.items() if key != "event"})
        else:
            self._emit(event)

    async def _start(self, events: int) -> asyncio.subprocess.Process:
        file, test = str(self._job.params["file"]), str(self._job.params["test"])
        kept = PLUGINS[:1] if importlib.util.find_spec("pytest_playwright") else PLUGINS
        told = {**self._told, "events": events, "artifacts": self._job.artifacts, "agent": self._job.user_agent}
        told["secrets"] = bool(self._job.secrets)
        return await asyncio.create_subprocess_exec(
            # The file's own settings hold, but for arguments that are meant for a person's terminal.
            *(sys.executable, "-P", "-m", "pytest", "-q", "--override-ini=addopts=", "-p", "no:cacheprovider"),
            *(argument for plugin in kept for argument in ("-p", plugin)),
            f"{file}::{test}" if test else file,
            cwd=Path(file).parent,
            env={**os.environ, TOLD: json.dumps(told), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(events,),
        )


async def _next(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next event of the tests, which anything in them could forge; None at their end."""
    line = await reader.readline()
    return json.loads(line) if line else None


class SuiteAct:
    """The surroundings of one run: its settling and pictures are the plugin's."""

    reusable = False  # the end of this worker is the end of whatever the tests left running

    def __init__(self, job: Job, told: Mapping[str, Any], emit: Emit) -> None:
        self._suite = Suite(job, told, emit)
        self.fixtures: Mapping[str, Any] = {"tests": self._suite}
        self._job = job
        self._drawer = Drawer(job, emit)
        self._run: Run | None = None

    def attach(self, run: Run) -> None:
        self._run = run

    def explain(self, fault: BaseException) -> Failure:
        return fault.failure if isinstance(fault, Told) else explain(fault, self._job.file)

    async def examine(self, step: StepRecord | None, failure: Failure) -> Failure:
        return failure

    async def settle(self, step: StepRecord) -> None:
        return None

    async def finish(self, seen: Callable[[], Observation]) -> Mapping[str, Any]:
        judgement = self._drawer.judge(seen())
        if self._run and self._drawer.wants(judgement):
            tests = self._suite.evidence
            self._drawer.keep_document({**describe_run(self._job, self._run, judgement), "tests": tests})
        return {}


class SuiteStage:
    """What runs share: which browser they start."""

    def __init__(self, told: Mapping[str, Any], executable: Path | None) -> None:
        self.facts: Mapping[str, Any] = {"browser_executable": executable and str(executable)}
        self._told = told

    @asynccontextmanager
    async def act(self, job: Job, emit: Emit) -> AsyncIterator[SuiteAct]:
        yield SuiteAct(job, self._told, emit)


@asynccontextmanager
async def open_stage(told: Mapping[str, Any]) -> AsyncIterator[SuiteStage]:
    """Raises ProbeError(no_browser) where there is no browser, or no pytest, to run tests with."""
    if importlib.util.find_spec("pytest") is None:
        raise ProbeError(Reason.NO_BROWSER, "kind pytest needs pytest beside prober: pip install pytest")
    settings = BrowserSettings.model_validate(told["settings"])
    launch: dict[str, Any] = {"headless": settings.headless, "args": list(settings.args)}
    executable = None
    os.environ.update(told["environ"])
    if settings.engine == "chromium":
        executable = find_browser(settings, told["environ"])
        starting = started_by(executable)
        os.environ.update(starting.pop("env", {}))  # the tests' process and its driver inherit it
        launch |= {**starting, "chromium_sandbox": sandboxed(settings)}
    yield SuiteStage({"launch": launch, "engine": settings.engine}, executable)


if __name__ == "__main__":
    serve(open_stage)
