"""How far the reported first byte is from the truth: a target that says for how long it held every request.

Ours as serve runs it, blackbox_exporter asked over its /probe, and plain httpx, one after another, at the same rate
and new connections, in rounds. The truth is the target's own: what it wrote into its answer, or down.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
from loopback import Target, blackbox, config, serving, target
from serving import Run, read
from verdicts import Figure, conclude, quantile, quick_wanted

P50_MS, GAP_MS, STRETCH_MS = 0.4, 0.2, 2.0
HOLDS_MS = (1, 5, 20, 100)
PER_S = 440
SETTLED_S = 3.0
_PROCESSING = re.compile(r'^probe_http_duration_seconds\{phase="processing"\} (\S+)', re.MULTILINE)

Ask = Callable[[int, int], Awaitable[float | None]]
"""(how long to hold in ms, the request's number) -> the seconds reported for it."""


def ours(shop: Target, watch_s: float) -> list[Run]:
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        urls = [shop.url(hold_ms) for hold_ms in HOLDS_MS for _ in range(PER_S // len(HOLDS_MS))]
        with serving(place, config(place, urls, "1s")) as (_, _, record):
            time.sleep(SETTLED_S)
            began = time.time()
            time.sleep(watch_s)
            ended = time.time()
        return [run for run in read(record) if began <= run.at <= ended and run.held_s == run.held_s]


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


def errors_ms(reported: dict[int, float], shop: Target) -> list[float]:
    return [(seconds - shop.held_ns[number] / 1e9) * 1000 for number, seconds in reported.items()]


def measured(rounds: int, watch_s: float) -> tuple[list[list[Run]], list[list[float]], list[list[float]]]:
    """Round by round: our runs, and the errors of blackbox_exporter and httpx in ms."""
    runs: list[list[Run]] = []
    boxed: list[dict[int, float]] = []
    plain: list[dict[int, float]] = []
    numbers = itertools.count(1)
    with tempfile.TemporaryDirectory() as home, target() as shop, blackbox(Path(home)) as port:
        for _ in range(rounds):
            runs.append(ours(shop, watch_s))
            if port is not None:
                boxed.append(asyncio.run(by_blackbox(port, shop, watch_s, numbers)))
            plain.append(asyncio.run(by_httpx(shop, watch_s / 2, numbers)))
    return runs, [errors_ms(one, shop) for one in boxed], [errors_ms(one, shop) for one in plain]


def middle(rounds: list[list[float]], share: float) -> float | None:
    """The median over the rounds of each one's quantile."""
    found = [value for one in rounds if (value := quantile(one, share)) is not None]
    return statistics.median(found) if found else None


def main() -> int:
    quick = quick_wanted(__doc__)
    runs, boxed, plain = measured(*((1, 3.0) if quick else (5, 10.0)))
    late = [[run.error_s * 1000 for run in one] for one in runs]
    assert all(late), "nothing was measured"
    assert all(error > -0.05 for one in late for error in one), "a first byte was reported before it was sent"
    gaps = [abs(run.gap_s) * 1000 for one in runs for run in one]
    figures = [
        Figure("probes_per_s", statistics.median(map(len, runs)) / (3.0 if quick else 10.0), None, PER_S),
        Figure("error_p50_ms", middle(late, 0.5), P50_MS, middle(boxed, 0.5)),
        Figure("error_p99_ms", middle(late, 0.99), middle(boxed, 0.99), middle(boxed, 0.99)),
        Figure("error_p99_stretch_ms", middle(late, 0.99), None, STRETCH_MS),
        *_by_hold(runs),
        Figure("httpx_p50_ms", middle(plain, 0.5)),
        Figure("httpx_p99_ms", middle(plain, 0.99)),
        Figure("phases_gap_most_ms", max(gaps), GAP_MS),
    ]
    return conclude("truth", "blackbox_exporter", figures, quick=quick)


def _by_hold(runs: list[list[Run]]) -> list[Figure]:
    """Our error at each time the target was told to hold."""
    found: dict[int, list[float]] = {}
    for run in itertools.chain.from_iterable(runs):
        nearest = min(HOLDS_MS, key=lambda hold_ms: abs(hold_ms / 1000 - run.held_s))
        found.setdefault(nearest, []).append(run.error_s * 1000)
    return [Figure(f"error_p50_at_{hold}_ms", quantile(found.get(hold, []), 0.5)) for hold in HOLDS_MS]


if __name__ == "__main__":
    sys.exit(main())
