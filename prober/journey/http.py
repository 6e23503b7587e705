"""The ``http`` of journeys: a plain ``httpx.AsyncClient`` whose requests are measured by libcurl, phase by phase."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from prober.curl import Curl, CurlTransport
from prober.journey.authoring import RUN
from prober.journey.tracing import headers_for
from prober.journey.wire import Job
from prober.net import Net
from prober.secret import redact_url

TIMEOUT_S = 10.0


class MeasuredTransport(httpx.AsyncBaseTransport):
    """Tells the running journey of every request it sends, also of those that fail."""

    def __init__(self, inner: httpx.AsyncBaseTransport, job: Job) -> None:
        self._inner = inner
        self._job = job

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``. Raises what the inner transport raises."""
        run = RUN.get(None)
        step = run.step_index if run else None
        request.headers.update(headers_for(str(request.url), self._job, step))
        started = time.monotonic()
        outcome: Mapping[str, Any] = {"status": None, "phases": {}}
        try:
            response = await self._inner.handle_async_request(request)
            outcome = {"status": response.status_code, "phases": dict(response.extensions["phases"])}
        except httpx.TransportError as error:
            outcome = {**outcome, "error": str(error)}
            raise
        finally:
            if run:
                told = {**outcome, "duration_s": time.monotonic() - started}
                run.request(request.method, redact_url(str(request.url)), told)
        return response


@asynccontextmanager
async def measured_client(job: Job) -> AsyncIterator[httpx.AsyncClient]:
    """A client that says who asks and opens a new connection for every request, as a first visitor would."""
    curl, net = Curl(), Net()
    headers = {"User-Agent": job.user_agent, "X-Synthetic-Check": job.check_id}
    transport = MeasuredTransport(CurlTransport(curl, net), job)
    try:
        async with httpx.AsyncClient(
            transport=transport, headers=headers, timeout=TIMEOUT_S, trust_env=False
        ) as client:
            yield client
    finally:
        curl.close()
        await net.close()
