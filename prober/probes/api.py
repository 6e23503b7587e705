"""API journeys: several requests in a row as one check, in a worker process but without a browser."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, Field

from prober.journey.evidence import Drawer, describe_run
from prober.journey.explain import explain
from prober.journey.host import http_client, serve
from prober.journey.order import expected_of, find_declared, job_of
from prober.journey.run import Emit, Run, StepRecord
from prober.journey.tracing import origin
from prober.journey.wanted import EvidenceSettings
from prober.journey.wire import Job
from prober.judge import Expect
from prober.model import Check, Failure, Observation
from prober.probes import Context, Pooled

COMMAND = ("-m", "prober.probes.api")
WORKERS = 4


class Spec(Check):
    """A journey that calls an API: steps and measures as in a browser, without one."""

    kind: Literal["api"] = "api"
    """What the check speaks: api."""
    journey: Annotated[str, Field(min_length=1)]
    """The journey's file, such as checks/refund.py; ``FILE::name`` chooses one of several."""
    params: dict[str, str | int | float | bool] = {}
    """Values for the journey's ``params``."""
    env: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...], Field(strict=False)] = ()
    """Environment variables the journey is given, beside those its decorator names; their values are masked."""
    first_party: Annotated[tuple[Annotated[str, AfterValidator(origin)], ...], Field(strict=False)] = ()
    """Origins of your own, such as https://shop.example: their requests carry ``traceparent``, one trace a run."""
    expect: Expect = Expect()
    """Limits on its time and its phases; the phases are sums over all requests of ``http``."""

    @property
    def address_text(self) -> str:
        return self.journey


class Recorded(Protocol):
    """Settings that say what is kept of journeys."""

    @property
    def evidence(self) -> EvidenceSettings: ...


@asynccontextmanager
async def open_probe(
    settings: Recorded | None = None,
    environ: Mapping[str, str] | None = None,
    base: Path | None = None,
    slots: int = WORKERS,
) -> AsyncIterator[Pooled]:
    """The probe of API journeys, ``slots`` at a time; on exit every worker is ended.

    ``settings`` are a browser's; what they say of evidence holds here too.
    """
    from prober.journey.attempts import run_attempts  # a configuration that is only read needs no workers
    from prober.journey.pool import open_pool
    from prober.journey.slots import Upkeep

    known = dict(os.environ if environ is None else environ)
    async with open_pool(COMMAND, {}, known, slots, Upkeep(pinned=False)) as pool:

        async def probe(spec: Spec, ctx: Context) -> Observation:
            declaration = find_declared(spec.journey, base or Path(), "api")
            job = job_of(
                declaration,
                params=spec.params,
                env=spec.env,
                environ=known,
                check_id=ctx.check_id,
                run_id=ctx.run_id,
                artifacts=ctx.artifacts,
                network={"first_party": list(spec.first_party)} if spec.first_party else {},
            )
            recording = settings.evidence.model_dump() if settings else {}
            job = replace(job, recording=recording, expect=expected_of(spec))
            return await run_attempts(pool, job, declaration, ctx.remaining_s, ctx.log)

        yield Pooled(probe, lambda: {"api": pool.stats()})


class ApiAct:
    """The surroundings of one API journey: a client, and nothing to settle or photograph."""

    reusable = True

    def __init__(self, job: Job, http: object, emit: Emit) -> None:
        self.fixtures: Mapping[str, Any] = {"http": http, "params": dict(job.params)}
        self._job = job
        self._drawer = Drawer(job, emit)
        self._run: Run | None = None

    def attach(self, run: Run) -> None:
        self._run = run

    def explain(self, fault: BaseException) -> Failure:
        return explain(fault, self._job.file)

    async def examine(self, step: StepRecord | None, failure: Failure) -> Failure:
        return failure

    async def settle(self, step: StepRecord) -> None:
        return None

    async def finish(self, seen: Callable[[], Observation]) -> Mapping[str, Any]:
        told = seen()
        judgement = self._drawer.judge(told)
        if self._run and self._drawer.wants(judgement):
            requests = told.facts.get("http_requests", [])
            self._drawer.keep_document({**describe_run(self._job, self._run, judgement), "http_requests": requests})
        return {"trace_id": self._job.trace_id} if self._job.network.get("first_party") else {}


class ApiStage:
    """What API journeys share between runs: nothing."""

    facts: Mapping[str, Any] = {}

    @asynccontextmanager
    async def act(self, job: Job, emit: Emit) -> AsyncIterator[ApiAct]:
        async with http_client(job) as http:
            yield ApiAct(job, http, emit)


@asynccontextmanager
async def open_stage(_: Mapping[str, Any]) -> AsyncIterator[ApiStage]:
    yield ApiStage()


if __name__ == "__main__":
    serve(open_stage)
