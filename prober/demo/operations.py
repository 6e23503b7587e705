"""What operators ask: `/health`, `/health/detailed`, `/metrics` and the fault dials at `/dials`."""

from __future__ import annotations

from prometheus_client.exposition import choose_encoder
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prober.demo.parts import parts_of, read_json


def health(request: Request) -> Response:
    """200 when every service is connected, else 503."""
    document = parts_of(request).health.document()
    return JSONResponse(document, 200 if document["status"] == "ok" else 503)


def health_detailed(request: Request) -> Response:
    """Always 200: the document tells."""
    return JSONResponse(parts_of(request).health.details())


def metrics(request: Request) -> Response:
    """The shop's metrics in the exposition format the client prefers."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(parts_of(request).telemetry.registry), headers={"Content-Type": content_type})


async def dials(request: Request) -> Response:
    """GET shows the dials, POST turns those it names, DELETE resets them all."""
    panel = parts_of(request).panel
    if request.method == "POST":
        panel.turn(await read_json(request))
    elif request.method == "DELETE":
        await run_in_threadpool(panel.reset)
    return JSONResponse(panel.dials.model_dump())
