"""The web side in a process of its own, so that whoever looks on costs the probing process next to nothing.

The prober listens and keeps the socket: a process that ends is followed by another, and who connects meanwhile waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from prober.app.webside.later import answering_later
from prober.app.webside.lines import COUNT, answering
from prober.app.webside.near import near
from prober.app.webside.setting import HEAD_BYTES, Configured, Setting
from prober.faults import describe
from prober.log import Log
from prober.web import View

__all__ = ["Configured", "Setting", "WebSide"]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0
SETTLED_S = 30.0
"""One that lived this long has not failed at its start."""

_log = Log(__name__)


class WebSide:
    """Keeps one process serving ``view`` on ``listener``, from its start to its stop."""

    def __init__(
        self,
        view: View,
        configured: Callable[[str], Configured | None],
        setting: Setting,
        listener: socket.socket,
        environ: Mapping[str, str],
    ) -> None:
        self._find, has = near(view, configured)
        self._setting = replace(setting, has=has)
        self._listener = listener
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._answers = asyncio.Event()

    async def start(self) -> None:
        """Begin to keep one."""
        self._keeping = asyncio.create_task(self._keep(), name="web side")

    async def answering(self) -> None:
        """Wait until it answers, as long as that may take."""
        await self._answers.wait()

    async def stop(self, grace_s: float) -> None:
        """Let running answers end for at most ``grace_s`` seconds, then end it."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        self._hang_up()
        self._listener.close()
        if self._process is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _keep(self) -> None:
        early, clock = 0, asyncio.get_running_loop().time
        while True:
            begun = clock()
            why = await self._live()
            early = early + 1 if clock() - begun < SETTLED_S else 0
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (early - 1)) if early else 0.0
            _log.error("the web's process has ended", why=why, pause_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _live(self) -> str:
        """One process from its start to its end; how it ended, or why there was none."""
        try:
            control = await self._spawn()
            if await asyncio.get_running_loop().sock_recv(control, 1):
                self._answers.set()
        except OSError as error:
            if self._process is None:
                return describe(error)
        status = await self._process.wait() if self._process else None
        self._hang_up()
        self._process = None
        return f"exit status {status}"

    async def _spawn(self) -> socket.socket:
        """Start one and tell it all it needs; the way to it. Raises OSError."""
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            control, later, *lines = [_pair(ours, theirs) for _ in range(COUNT + 2)]
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "prober.app.webside.child", str(control[1].fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env=dict(self._environ),
                pass_fds=(control[1].fileno(),),
            )
            ours.pop_all()  # whoever works on one closes it
            self._control = control[0]
            answering_later(later[0], self._find)
            for line, _ in lines:
                answering(line, self._find)
            told = pickle.dumps(self._setting, pickle.HIGHEST_PROTOCOL)
            descriptors = [self._listener.fileno(), *(line[1].fileno() for line in (later, *lines))]
            socket.send_fds(self._control, [len(told).to_bytes(HEAD_BYTES)], descriptors)
        self._control.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(self._control, told)
        return self._control

    def _hang_up(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None


def _pair(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    near, far = socket.socketpair()
    return ours.enter_context(near), theirs.enter_context(far)
