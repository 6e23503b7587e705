"""A target as a module of prober grpc asks for its health."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from prober.blackbox.addresses import choose
from prober.blackbox.modules import GrpcModule
from prober.curl import Curl
from prober.faults import ProbeError
from prober.judge import Expect
from prober.judge.health import HealthExpect
from prober.model import Check, Observation, Outcome, Reason
from prober.net import joined, read_place
from prober.probes import Context, Probe, grpc


class HealthRules(Expect):
    """The service must be serving; how long its certificate lasts is for rules on the metric."""

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        return (one for one in HealthExpect().outcomes(seen, now) if one.reason is not Reason.CERTIFICATE)


class Target(Check):
    """A server to ask."""

    kind: Literal["grpc"] = "grpc"
    address: str
    hostname: str | None = None
    module: GrpcModule
    expect: HealthRules = HealthRules()

    @property
    def address_text(self) -> str:
        return self.address


def target(name: str, module: GrpcModule, text: str, hostname: str | None, **common: Any) -> Target:
    """The check of ``text`` by ``module``; over TLS ``hostname`` is verified where no ``server_name`` is set."""
    address = text.removeprefix("http://").removeprefix("https://").partition("/")[0]
    return Target(id=name, address=address, hostname=hostname, module=module, **common)


@asynccontextmanager
async def open_probe(*_: Any, **__: Any) -> AsyncIterator[Probe]:
    """The probe, with an HTTP client of its own."""
    curl = Curl()
    try:
        yield partial(_probe, curl)
    finally:
        curl.close()


async def _probe(curl: Curl, check: Target, ctx: Context) -> Observation:
    module = check.module
    try:
        host, port = read_place(check.address)
    except ValueError as error:
        raise ProbeError(Reason.CONNECT, f"{check.address[:200]!r}: {error}") from None
    found = await choose(host, module, ctx)
    tls = module.tls_config.options(host, check.hostname) if module.tls else None
    metadata = tuple((name.lower(), text) for name, texts in module.metadata.items() for text in texts)
    request = grpc.health_request(joined(host, port), module.service, tls, metadata)
    seen = grpc.observe(await curl.fetch(replace(request, resolve=found.addresses[0]), ctx.net, ctx.deadline))
    phases = {**seen.phases, "resolve": found.duration_s}
    facts = {**seen.facts, "ssl": "tls_version" in seen.facts}
    return replace(seen, phases=phases, facts=facts, duration_s=sum(phases.values()))
