"""The inside of a worker process: takes jobs, runs their journeys one at a time, tells events as they happen."""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from prober.faults import ProbeError
from prober.journey.authoring import RUN
from prober.journey.params import bind_params
from prober.journey.run import Emit, Run, Watcher
from prober.journey.sessions import Sessions
from prober.journey.wire import Job, Ledger
from prober.model import Observation
from prober.secret import Redactor, secrets_in

TEARDOWN_S = 10.0  # of a run's budget, kept for evidence and clean-up steps; a quarter of short budgets
LOOKING = 0.5  # of that, the most that evidence of a step that was cut may take before the clean-up steps begin
STUBBORN_S = 0.5  # how long a journey that ignores its cancellation is asked again


class Act(Watcher, Protocol):
    """The surroundings of one run: what the journey is handed, and what is known after it."""

    @property
    def fixtures(self) -> Mapping[str, Any]:
        """What the journey's function may take, by name."""
        ...

    def attach(self, run: Run) -> None:
        """Called once, before the journey starts."""
        ...

    async def finish(self, seen: Callable[[], Observation]) -> Mapping[str, Any]:
        """Tell what is left to tell, and keep evidence where ``seen``, all that was told, calls for it; returns facts.

        Bounded.
        """
        ...

    @property
    def reusable(self) -> bool:
        """Whether the worker may run another journey after this one."""
        ...


class Stage(Protocol):
    """What a worker keeps between runs, such as a warm browser."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is true of every run here; ``warnings`` are logged once."""
        ...

    def act(self, job: Job, emit: Emit) -> AbstractAsyncContextManager[Act]:
        """The surroundings for one job; raises ProbeError where they cannot be had."""
        ...


Opener = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Stage]]


def serve(open_stage: Opener) -> None:
    """The main function of a worker process; returns when the prober closes its end."""
    commands, events = int(sys.argv[1]), int(sys.argv[2])
    for fd in (commands, events):  # a browser that held them would hide our end from the prober
        os.set_inheritable(fd, False)
    sys.dont_write_bytecode = True  # cached code goes by whole seconds, and an edited journey must be the one that runs
    _die_with_parent()
    asyncio.run(_serve(open_stage, commands, events))


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)


async def _serve(open_stage: Opener, commands: int, events: int) -> None:
    def emit(event: Mapping[str, Any]) -> None:
        # Written at once and in full: a journey that blocks the loop next must not hold back what it did before.
        rest = json.dumps(event).encode() + b"\n"
        while rest:
            rest = rest[os.write(events, rest) :]

    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(commands, "rb", buffering=0)
    )
    settings = json.loads(await reader.readline() or b"{}")
    try:
        async with open_stage(settings) as stage:
            emit({"event": "ready", "facts": dict(stage.facts)})
            while line := await reader.readline():
                await _perform(Job.parse(line), stage, emit)
    except ProbeError as error:
        emit({"event": "refused", "reason": error.reason, "message": error.message})


async def _perform(job: Job, stage: Stage, emit: Emit) -> None:
    ledger = Ledger()

    def tell(event: Mapping[str, Any]) -> None:
        # Made anew each time: the journey's own parameters and log-ins add secrets on the way.
        told = event if event["event"] == "session" else Redactor(job.secrets).value(dict(event))
        with suppress(KeyError, TypeError, ValueError):  # what is no event is for the prober to say
            ledger.take(told, time.monotonic())
        emit(told)

    until = time.monotonic() + job.budget_s
    duration_s, reusable = 0.0, False
    try:
        with _environment(job.env):
            async with stage.act(job, tell) as act:
                tell({"event": "began"})
                duration_s = await _run(job, act, tell, until, ledger)
            reusable = act.reusable
    except ProbeError as error:
        tell({"event": "failure", "reason": error.reason, "message": error.message})
    tell({"event": "done", "duration_s": duration_s, "retire": not reusable})


async def _run(job: Job, act: Act, tell: Emit, until: float, ledger: Ledger) -> float:
    """Run the journey, cancel it in time for clean-up and evidence; returns its own duration in seconds."""
    run = Run(tell, act, Sessions(job.sessions, tell, job.mask))
    act.attach(run)
    task = asyncio.create_task(_call(job, act.fixtures, run))
    teardown_s = min(TEARDOWN_S, job.budget_s / 4)
    await asyncio.wait({task}, timeout=until - teardown_s - time.monotonic())
    if not task.done():
        run.expire(teardown_s * LOOKING)
        task.cancel()
        await asyncio.wait({task}, timeout=teardown_s * 0.8)
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=min(STUBBORN_S, teardown_s * 0.1))
    duration_s = run.duration_s
    if not task.done():  # the prober sees no end of it and kills us, which is right
        await asyncio.sleep(3600)
    told = run.failure
    await run.conclude(_fault(task) or (asyncio.CancelledError() if run.expired else None))
    if run.failure and run.failure is not told:
        tell({"event": "failure", **asdict(run.failure)})
    tell({"event": "facts", **await act.finish(lambda: ledger.observation(duration_s))})
    return duration_s


def _fault(task: asyncio.Task[None]) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def _call(job: Job, fixtures: Mapping[str, Any], run: Run) -> None:
    RUN.set(run)
    try:
        function = getattr(_load(Path(job.file)), job.function)
        given = {**fixtures, "params": bind_params(function, job.params)}
        job.mask(secret.reveal() for secret in secrets_in(given["params"]))
        await function(**{name: given[name] for name in job.arguments})
    except (SystemExit, KeyboardInterrupt) as stop:
        raise RuntimeError(f"the journey raised {stop!r}") from stop  # would end the loop itself


def _load(file: Path) -> Any:
    """Run a journey file as a module of its own, every time anew, so that an edited one is what runs."""
    spec = importlib.util.spec_from_file_location(f"journey_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if (place := str(file.parent)) not in sys.path:
        sys.path.insert(0, place)
    spec.loader.exec_module(module)
    return module


@contextmanager
def _environment(extra: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(extra)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@asynccontextmanager
async def http_client(job: Job) -> AsyncIterator[Any]:
    """The ``http`` a journey takes: an ``httpx.AsyncClient`` that says who asks and measures every request."""
    from prober.journey.http import measured_client  # only journeys that take it pay for it

    async with measured_client(job) as client:
        yield client
