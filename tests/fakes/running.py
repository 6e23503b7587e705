"""One run of one check by its kind's own code, libcurl's kinds included."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from prober.clock import SystemClock
from prober.curl import Curl
from prober.judge import judge
from prober.log import Log
from prober.model import Check, Judgement, Observation
from prober.net import Net
from prober.probes import KINDS, Context

CLOCK = SystemClock()


def ran(check: Check, timeout_s: float = 5.0, nameservers: Sequence[str] = ()) -> tuple[Observation, Judgement]:
    """What ``check`` saw, and what its expectations make of it."""
    module: Any = import_module(KINDS[check.kind])

    async def main() -> Observation:
        net = Net(nameservers)
        context = Context(check.id, "eu", "r", CLOCK.monotonic() + timeout_s, CLOCK, net, None, Log())
        try:
            if not hasattr(module, "request"):
                return await module.probe(check, context)
            curl = Curl()
            try:
                return module.observe(await curl.fetch(module.request(check, context), net, context.deadline))
            finally:
                curl.close()
        finally:
            await net.close()

    seen = asyncio.run(main())
    return seen, judge(seen, check.expect, CLOCK.wall())  # type: ignore[attr-defined]
