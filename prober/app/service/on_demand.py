"""Probes that somebody asks for over the web: on the loop that measures, on an engine of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from prober.app.assemble import open_engine
from prober.blackbox import TARGET_KINDS, Ask, Modules, Refused, Reply, check_of, read_ask, read_modules
from prober.blackbox.answer import reply
from prober.clock import Clock
from prober.config import Loaded
from prober.engine import Engine
from prober.log import Log
from prober.secret import Redactor, Secret, secrets_in

BUSY_S = 0.25  # waited for a place at most: an answer after the scrape's timeout is none

_log = Log(__name__)


@dataclass
class OnDemand:
    """Answers ``/probe``. ``ask`` is called from the web's thread; all else happens on the loop."""

    path: Path
    modules: Modules
    engine: Engine
    secrets: tuple[Secret, ...]
    """Those of the configuration itself."""
    offset_s: float
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _running: set[asyncio.Task[Reply]] = field(default_factory=set)
    _closed: bool = False

    def ask(self, query: Mapping[str, str], scrape_timeout: str | None) -> Future[Reply]:
        """The answer to a request, when it is there; cancelled where the prober stops before."""
        return asyncio.run_coroutine_threadsafe(self._entered(query, scrape_timeout), self._loop)

    async def close(self) -> None:
        """Answer nobody any more."""
        self._closed = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def reload(self) -> None:
        """Probe by what the file says now. Raises ConfigFault, and goes on by what it said before."""
        modules = await asyncio.to_thread(read_modules, self.path)
        if modules == self.modules:
            return
        self.modules = modules
        self.engine.redactor = Redactor((*self.secrets, *secrets_in(modules)))
        _log.info("modules read", modules=len(modules.modules))

    async def _entered(self, query: Mapping[str, str], scrape_timeout: str | None) -> Reply:
        if self._closed:
            raise asyncio.CancelledError
        task = asyncio.ensure_future(self._answer(query, scrape_timeout))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await task

    async def _answer(self, query: Mapping[str, str], scrape_timeout: str | None) -> Reply:
        try:
            ask = read_ask(query, scrape_timeout, self.modules, self.offset_s)
        except Refused as refused:
            return Reply(refused.status, f"{refused}\n".encode())
        return await self._probed(ask)

    async def _probed(self, ask: Ask) -> Reply:
        check = check_of(ask, TARGET_KINDS)
        now = self.engine.clock.monotonic()
        result = await self.engine.run_slot(check, now, now + BUSY_S, lambda _: None)
        if result is None:
            return Reply(503, f"{self.engine.caps.get(check.kind)} probes of {check.kind} are under way\n".encode())
        return reply(ask, result)


@asynccontextmanager
async def open_on_demand(
    path: Path, loaded: Loaded, region: str, clock: Clock, environ: Mapping[str, str]
) -> AsyncIterator[OnDemand]:
    """``/probe`` by the modules in ``path``. Raises ConfigFault."""
    modules = read_modules(path)
    loaded = replace(loaded, secrets=(*loaded.secrets, *secrets_in(modules)))
    async with open_engine(loaded, TARGET_KINDS, region, clock, environ, artifacts=None, shelf=TARGET_KINDS) as engine:
        yield OnDemand(path, modules, engine, loaded.secrets, loaded.config.web.blackbox_timeout_offset)
