"""People who look at pages: a process of its own, so that what they cost is not the prober's.

Usage: visitors.py PORT PEOPLE EVERY_S SECONDS [STREAM]. Each asks for the overview every EVERY_S seconds over a
connection that stays open, as browsers do, and keeps the event stream at the path STREAM open beside. Prints a line of
JSON at the end: the looks, and how many bytes the streams brought.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field

from askers import body_of

HEAD = "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n\r\n"


@dataclass
class Seen:
    """What they all saw."""

    looks: list[tuple[float, float, int, int]] = field(default_factory=list)
    """(when it was asked for, how long until it was whole, status, bytes)."""
    stream_bytes: int = 0
    streams: int = 0
    """That were open at the end."""


class Person:
    """One connection for pages."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def look(self, path: str) -> tuple[float, float, int, int]:
        """Ask for a page, and wait until it is whole."""
        asked, began = time.time(), time.perf_counter()
        self._line = self._line or await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._line
        writer.write(HEAD.format(path, self._port).encode())
        recording = Recording(reader)
        body = await body_of(recording)  # type: ignore[arg-type]
        return asked, time.perf_counter() - began, recording.status, len(body)

    def leave(self) -> None:
        if self._line is not None:
            self._line[1].close()


class Recording:
    """A reader that notes the status of what it reads."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.status = 0
        self.readexactly = reader.readexactly

    async def readuntil(self, separator: bytes) -> bytes:
        found = await self._reader.readuntil(separator)
        if not self.status and (said := re.match(rb"HTTP/1\.1 (\d+)", found)):
            self.status = int(said[1])
        return found


async def follow(port: int, path: str, seen: Seen) -> None:
    """Read the event stream for as long as it lasts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD.replace("text/html", "text/event-stream").format(path, port).encode())
    seen.streams += 1
    try:
        while piece := await reader.read(64 * 1024):
            seen.stream_bytes += len(piece)
    finally:
        seen.streams -= 1
        writer.close()


async def visit(port: int, people: int, every_s: float, lasting_s: float, stream: str) -> Seen:
    """Let them look for so long, not all at once."""
    seen, ends_at = Seen(), time.monotonic() + lasting_s

    async def person(number: int) -> None:
        one = Person(port)
        await asyncio.sleep(every_s * number / people)
        while time.monotonic() < ends_at:
            began = time.monotonic()
            seen.looks.append(await one.look("/"))
            await asyncio.sleep(max(0.0, min(began + every_s, ends_at) - time.monotonic()))
        one.leave()

    streams = [asyncio.create_task(follow(port, stream, seen)) for _ in range(people if stream else 0)]
    await asyncio.gather(*(person(number) for number in range(people)))
    open_streams = seen.streams
    for task in streams:
        task.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    seen.streams = open_streams
    return seen


def main(port: str, people: str, every_s: str, lasting_s: str, stream: str = "") -> None:
    seen = asyncio.run(visit(int(port), int(people), float(every_s), float(lasting_s), stream))
    print(json.dumps(vars(seen)))


if __name__ == "__main__":
    main(*sys.argv[1:])
