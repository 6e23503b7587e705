"""How pages ask the past: in threads, so many at a time, and with a line for people where it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from prober.faults import Retryable
from prober.history import History
from prober.web.pages import Pages

AT_ONCE = 4
"""So many requests ask the store at a time; while it does not answer, the rest of the web side goes on."""


async def asked(
    request: Request, pages: Pages, turns: asyncio.Semaphore, answer: Callable[[History], Response]
) -> Response:
    """What ``answer`` makes of the past."""
    history = pages.view.history
    if history is None:
        text = "Nothing keeps the past here."
        return pages.page(request, "runs/nothing.html", status=404, title="There is no history", text=text)
    try:
        async with turns:
            return await run_in_threadpool(answer, history)
    except Retryable:
        text = "Nothing was changed. Try again in a minute."
        return pages.page(request, "runs/nothing.html", status=503, title="The store is away", text=text)
