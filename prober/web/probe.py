"""``/probe``: blackbox_exporter's question, handed over to the loop that measures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import CancelledError, Future

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from prober.blackbox.answer import Reply

SCRAPE_TIMEOUT = "x-prometheus-scrape-timeout-seconds"

Ask = Callable[[Mapping[str, str], str | None], "Future[Reply]"]


def probe_page(ask: Ask | None) -> Callable[[Request], Awaitable[Response]]:
    """The route; without ``ask`` there is nothing to be found."""

    async def probe(request: Request) -> Response:
        if ask is None:
            return PlainTextResponse("/probe is not configured; see web.blackbox_config\n", status_code=404)
        if request.method == "HEAD":  # nobody probes by asking what an answer would look like
            return Response()
        asked = ask(dict(request.query_params), request.headers.get(SCRAPE_TIMEOUT))
        try:
            answer = await asyncio.wrap_future(asked)
        except (CancelledError, asyncio.CancelledError):
            return PlainTextResponse("the prober is stopping\n", status_code=503)
        return Response(answer.text, answer.status, {"content-type": answer.content_type})

    return probe
