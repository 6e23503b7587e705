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

from prober.app.webside.lines import COUNT, answering
from prober.app.webside.near import near
from prober.app.webside.setting import HEAD_BYTES, Configured, Setting
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
        configured: Callable[[], Configured],
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
        self.restarts = 0

    async def start(self) -> None:
        """Start it. Raises OSError where no process can be had."""
        await self._spawn()
        self._keeping = asyncio.create_task(self._keep(), name="web side")

    async def stop(self, grace_s: float) -> None:
        """Let running answers end for at most ``grace_s`` seconds, then end it."""
        if self._keeping is not None:
            self._keeping.cancel()
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
        while self._process is not None:
            begun = clock()
            status = await self._process.wait()
            self._hang_up()
            self.restarts += 1
            early = early + 1 if clock() - begun < SETTLED_S else 0
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (early - 1)) if early else 0.0
            _log.error("the web's process has ended", status=status, pause_s=pause_s)
            await asyncio.sleep(pause_s)
            await self._spawn()

    async def _spawn(self) -> None:
        with contextlib.ExitStack() as theirs:
            control, *lines = [_pair(theirs) for _ in range(COUNT + 1)]
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "prober.app.webside.child", str(control[1].fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env=dict(self._environ),
                pass_fds=(control[1].fileno(),),
            )
            self._control = control[0]
            told = pickle.dumps(self._setting, pickle.HIGHEST_PROTOCOL)
            descriptors = [self._listener.fileno(), *(line[1].fileno() for line in lines)]
            socket.send_fds(self._control, [len(told).to_bytes(HEAD_BYTES)], descriptors)
            self._control.sendall(told)
            for line, _ in lines:
                answering(line, self._find)

    def _hang_up(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None


def _pair(theirs: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    ours, other = socket.socketpair()
    theirs.enter_context(other)
    return ours, other
