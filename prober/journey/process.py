"""One worker process as the prober sees it: started apart, spoken to in lines, killed with all it started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prober.faults import ProbeError
from prober.journey.cores import pin
from prober.journey.family import identify, kill_family
from prober.journey.home import Home, make_home
from prober.journey.wire import EVENTS_BYTES
from prober.model import Reason

OUTPUT_BYTES = 64 << 10  # of what a journey prints, the last part is kept
KEPT_NAMES = ("EVENTCHAIN_URL", "LANG", "LANGUAGE", "TZ", "HOME", "PATH")

_SECRET_WORDS = ("PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "DSN", "WEBHOOK")

_Events = tuple[asyncio.StreamReader, asyncio.ReadTransport]


class WorkerGone(Exception):
    """The worker process ended while it was needed."""


def worker_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """What a worker may see of ``environ``: the shop's address, our own options without secrets, and the locale."""
    ours = {
        name
        for name in environ
        if name.startswith("PROBER_") and not any(word in name.upper() for word in _SECRET_WORDS)
    }
    locale = {name for name in environ if name.startswith("LC_")}
    kept = {name: environ[name] for name in sorted(ours | locale | {*KEPT_NAMES} & set(environ))}
    return kept | {"TMPDIR": str(home), "PYTHONUNBUFFERED": "1"}


class Worker:
    """A running worker process; ``start`` makes one, ``kill`` ends it with its whole family."""

    def __init__(self, process: asyncio.subprocess.Process, home: Home, commands: int, events: _Events) -> None:
        self.facts: dict[str, Any] = {}
        self.runs = 0
        self._process = process
        self._identity = identify(process.pid)
        self._home = home
        self._commands = commands
        self._events, self._channel = events
        self._output: deque[bytes] = deque()
        self._drains = [asyncio.create_task(self._drain(stream)) for stream in (process.stdout, process.stderr)]

    @classmethod
    async def start(
        cls, command: Sequence[str], environ: Mapping[str, str], cores: frozenset[int] = frozenset()
    ) -> Worker:
        """Start ``python COMMAND READ_FD WRITE_FD`` in a session, a temporary directory and, if given, on ``cores``.

        Raises OSError where the system has no room for another process.
        """
        events, write_event = await _event_pipe()  # first: nothing may come between the process and its Worker
        read_command, write_command = os.pipe()
        home = make_home()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", *command, str(read_command), str(write_event)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=worker_environment(environ, home.path),
                pass_fds=(read_command, write_event),
                start_new_session=True,
            )
        except BaseException:  # cancelled too, in which case the process has been killed
            os.close(write_command)
            events[1].close()
            home.remove()
            raise
        finally:
            os.close(read_command)
            os.close(write_event)
        pin(process.pid, cores)  # at once, while it is one thread that has started nothing
        return cls(process, home, write_command, events)

    async def ready(self) -> None:
        """Wait until it can take a job. Raises ProbeError where it says that it cannot, WorkerGone when it ends."""
        event = await self.event()
        if event.get("event") == "refused":
            raise ProbeError(Reason(event["reason"]), event["message"])
        self.facts = dict(event.get("facts", {}))

    def send(self, line: bytes) -> None:
        """Hand over one line; a worker between jobs has an empty pipe, so that this never blocks."""
        if len(line) > 60_000:
            raise ProbeError(Reason.SCRIPT_ERROR, "the journey's params are too large: at most 60 kB")
        try:
            os.write(self._commands, line)
        except BrokenPipeError:
            raise WorkerGone(self.last_words()) from None

    async def event(self) -> dict[str, Any]:
        """The next event. Raises WorkerGone at the end of the process."""
        try:
            line = await self._events.readuntil(b"\n")
            event = json.loads(line)
        except asyncio.IncompleteReadError:
            raise WorkerGone(await self.ended()) from None
        except (ValueError, asyncio.LimitOverrunError) as error:
            raise WorkerGone(f"it spoke no protocol: {error}") from None
        if not isinstance(event, dict):
            raise WorkerGone("it spoke no protocol")
        return event

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ended(self) -> str:
        """How the process ended, in words; bounded, as its end may be seen before its exit status."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self._process.wait()
        code = self._process.returncode
        return f"{signal.Signals(-code).name}; {self.last_words()}" if code and code < 0 else self.last_words()

    def last_words(self) -> str:
        """The last line it printed, which tells most of why a process ended."""
        lines = b"".join(self._output).decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def output(self) -> str:
        """What it printed since the last call, at most the last 64 KiB."""
        text = b"".join(self._output).decode("utf-8", "replace")
        self._output.clear()
        return text

    async def kill(self) -> None:
        """End it and everything it started, and remove its directory; bounded, and safe to call twice."""
        await asyncio.to_thread(kill_family, self._identity, self._home.path)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._process.wait()
        self._channel.close()
        await asyncio.wait(self._drains, timeout=1)
        if self._commands >= 0:
            os.close(self._commands)
            self._commands = -1
            await asyncio.to_thread(self._home.remove)

    async def _drain(self, stream: asyncio.StreamReader | None) -> None:
        while stream and (chunk := await stream.read(8192)):
            self._output.append(chunk)
            while sum(map(len, self._output)) - len(self._output[0]) > OUTPUT_BYTES:
                self._output.popleft()


async def _event_pipe() -> tuple[_Events, int]:
    """A pipe: our end as a stream, and the descriptor of the end a worker writes to."""
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader(limit=EVENTS_BYTES)
    pipe = os.fdopen(read_end, "rb", buffering=0)
    try:
        channel, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
    except BaseException:
        pipe.close()
        os.close(write_end)
        raise
    return (reader, channel), write_end
