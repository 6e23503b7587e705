"""The truth bench's peers: blackbox_exporter asked over its /probe and plain httpx, at the rate that ours probes at."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator

import httpx
from loopback import Target

HOLDS_MS = (1, 5, 20, 100)
"""For how long the target is asked to hold a request, in turn."""
PER_S = 440

_PROCESSING = re.compile(r'^probe_http_duration_seconds\{phase="processing"\} (\S+)', re.MULTILINE)

Ask = Callable[[int, int], Awaitable[float | None]]
"""(how long to hold in ms, the request's number) -> the seconds reported for it."""


async def paced(ask: Ask, watch_s: float, numbers: Iterator[int]) -> dict[int, float]:
    """What ``ask`` reported, by request, when asked at our rate whatever it makes of it."""
    reported: dict[int, float] = {}
    began, tasks = time.monotonic(), []

    async def one(hold_ms: int) -> None:
        number = next(numbers)
        seconds = await ask(hold_ms, number)
        if seconds is not None:
            reported[number] = seconds

    for turn in range(int(watch_s * PER_S)):
        await asyncio.sleep(max(0.0, began + turn / PER_S - time.monotonic()))
        tasks.append(asyncio.create_task(one(HOLDS_MS[turn % len(HOLDS_MS)])))
    await asyncio.gather(*tasks)
    return reported


async def by_httpx(shop: Target, watch_s: float, numbers: Iterator[int]) -> dict[int, float]:
    """As a script of one's own would measure: until the answer's head is there."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=30) as client:

        async def ask(hold_ms: int, number: int) -> float:
            began = time.perf_counter()
            async with client.stream("GET", shop.url(hold_ms, number)) as answer:
                taken_s = time.perf_counter() - began
                await answer.aread()
                return taken_s

        return await paced(ask, watch_s, numbers)


async def by_blackbox(port: int, shop: Target, watch_s: float, numbers: Iterator[int]) -> dict[int, float]:
    """What blackbox_exporter says of it, asked over connections that stay open."""
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(hold_ms: int, number: int) -> float | None:
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        url = shop.url(hold_ms, number)
        writer.write(f"GET /probe?module=http&target={url} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        found = _PROCESSING.search((await body_of(reader)).decode())
        idle.append((reader, writer))
        return float(found[1]) if found else None

    reported = await paced(ask, watch_s, numbers)
    for _, writer in idle:
        writer.close()
    return reported


async def body_of(reader: asyncio.StreamReader) -> bytes:
    """The body of an answer, in one piece or in chunks."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    if size := re.search(r"content-length: (\d+)", head):
        return await reader.readexactly(int(size[1]))
    body = b""
    while length := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(length)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
