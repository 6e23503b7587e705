"""What changes on the overview, as server-sent events: reckoned once a second for all who look on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from prober.web.auth.who import Answer
from prober.web.pages.board import LOOK_S, Board, Picture

MOST_STREAMS = 64
"""More than look on at a time; who comes after them looks again now and then."""
WAITING = 8
"""Messages a browser may be behind; then its stream ends, and it asks for the page again."""
MOST_ROWS = 50
"""When more have changed the page is smaller than they are: it is packed."""
QUIET_S = 15.0
"""A line is sent at least so often: proxies end what says nothing, and one that left is noticed."""
RETRY_MS = 3_000

AGAIN: Mapping[str, object] = {"again": True}
"""The page is to be asked for anew: it is not known what it shows, checks came or went, or most have changed."""

_END = b""


@dataclass(eq=False)
class Live:
    """Those who look on. It looks at the board only while there are some."""

    board: Board
    _streams: set[asyncio.Queue[bytes]] = field(default_factory=set)
    _task: asyncio.Task[None] | None = None

    def join(self, picture: Picture) -> asyncio.Queue[bytes] | None:
        """A queue of messages on what differs from ``picture``, the latest; None where enough look on."""
        if len(self._streams) >= MOST_STREAMS:
            return None
        queue: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._streams.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(picture))
        return queue

    def leave(self, queue: asyncio.Queue[bytes]) -> None:
        self._streams.discard(queue)

    async def _watch(self, before: Picture) -> None:
        while self._streams:
            await asyncio.sleep(LOOK_S)
            now = await self.board.look()
            if now.version != before.version:
                self._send(message(now, difference(before, now)))
            before = now

    def _send(self, message: bytes) -> None:
        for queue in tuple(self._streams):
            if queue.full():
                self.leave(queue)
                queue.get_nowait()
                queue.put_nowait(_END)
            else:
                queue.put_nowait(message)


def difference(before: Picture, now: Picture) -> Mapping[str, object]:
    """What a page that shows ``before`` needs to show ``now``."""
    told = {entry.check_id: entry.told for entry in before.entries}
    if len(told) != len(now.entries) or any(entry.check_id not in told for entry in now.entries):
        return AGAIN
    rows = {entry.check_id: entry.html for entry in now.entries if told[entry.check_id] != entry.told}
    if len(rows) > MOST_ROWS:
        return AGAIN
    incidents = {} if before.incidents == now.incidents else {"incidents": now.incidents_html if now.incidents else ""}
    return {"rows": rows, **incidents, "counts": now.counts_html, "title": now.title}


def message(picture: Picture, changes: Mapping[str, object]) -> bytes:
    """As an event, with the version that a page then has."""
    return f"id: {picture.version}\ndata: {json.dumps(changes)}\n\n".encode()


def events(live: Live) -> Answer:
    """The route of the stream."""

    async def answer(request: Request) -> Response:
        picture = await live.board.look()
        queue = live.join(picture)
        if queue is None:
            return PlainTextResponse("enough look on\n", 503, {"retry-after": "60"})
        if request.headers.get("last-event-id", request.query_params.get("seen")) != str(picture.version):
            queue.put_nowait(message(picture, AGAIN))
        ending = request.scope.get("state", {}).get("ending")
        return StreamingResponse(
            _stream(live, queue, ending), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
        )

    return answer


async def _stream(live: Live, queue: asyncio.Queue[bytes], ending: asyncio.Event | None) -> AsyncIterator[bytes]:
    over = asyncio.ensure_future((ending or asyncio.Event()).wait())
    got = asyncio.ensure_future(queue.get())
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        while not over.done():
            await asyncio.wait({got, over}, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
            if not got.done():
                yield b":\n\n"
            elif got.result() == _END:
                return
            else:
                yield got.result()
                got = asyncio.ensure_future(queue.get())
    finally:
        over.cancel()
        got.cancel()
        live.leave(queue)
