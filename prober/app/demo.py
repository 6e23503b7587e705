"""``prober demo``: the ticket shop in a process of its own, and ``serve`` against it, live on the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from prober.app.serve import ServeOptions, Started, serve_until_told
from prober.app.targets import choose_region
from prober.config import load
from prober.faults import UserFault
from prober.model import Check, Result
from prober.render.terminal import console as open_console
from prober.render.terminal import detail, line, milliseconds, sign

SHOP = "127.0.0.1:8000"
READY_WITHIN_S = 30.0


async def run_demo(config_path: Path, region: str | None, environ: Mapping[str, str]) -> None:
    """Run both until Ctrl-C or SIGTERM. Raises UserFault when the shop's or the prober's port is taken."""
    console = open_console()
    async with _shop(SHOP) as url:
        surroundings = {**environ, "EVENTCHAIN_URL": url, "EVENTCHAIN_ADDRESS": SHOP}
        config = load(config_path, surroundings, lenient=True).config
        chosen = choose_region(config.regions, region, environ, first=True)
        board = _Board(console, url, chosen)
        options = ServeOptions(region=chosen, environ=surroundings, on_started=board.start, on_result=board.take)
        try:
            await serve_until_told(config_path, options)
        finally:
            board.stop()
    console.print("stopped")


@asynccontextmanager
async def _shop(listen: str) -> AsyncIterator[str]:
    """The shop in its own process and session, so that it neither shares our interpreter nor hears our Ctrl-C."""
    url = f"http://{listen}"
    command = (sys.executable, "-m", "prober", "shop", "--listen", listen)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        await _wait_until_ready(url, process)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _wait_until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(READY_WITHIN_S):
        while process.returncode is None:
            try:
                await client.get(f"{url}/health")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                await asyncio.sleep(0.1)  # another's shop on this port would answer as well; ours would be gone by now
                if process.returncode is None:
                    return
    _, error = await process.communicate()
    said = error.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    raise UserFault(f"the demo shop could not start: {said[-1].removeprefix('prober: ')}")


class _Board:
    """What the demo shows: addresses first, then a live table, or a line per result where there is no terminal."""

    def __init__(self, console: Console, shop_url: str, region: str) -> None:
        self._console = console
        self._shop_url = shop_url
        self._region = region
        self._checks: list[Check] = []
        self._latest: dict[str, Result] = {}
        self._live: Live | None = None

    def start(self, started: Started) -> None:
        """Print the addresses; from now on there may be results."""
        self._checks = list(started.checks)
        for name, address in (
            ("shop", self._shop_url),
            ("dials", f"{self._shop_url}/dials"),
            ("prober", started.url),
            ("metrics", f"{started.url}/metrics"),
        ):
            self._console.print(f"  {name:<8} {address}", highlight=False)
        self._console.print(f"  region   {self._region}; Ctrl-C stops\n")
        if self._console.is_terminal:
            self._live = Live(self._table(), console=self._console, refresh_per_second=4)
            self._live.start()

    def take(self, result: Result) -> None:
        """Show one more result."""
        self._latest[result.check.id] = result
        if self._live:
            self._live.update(self._table())
        else:
            self._console.print(line(result), markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the last table standing."""
        if self._live:
            self._live.stop()

    def _table(self) -> Table:
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        columns: dict[str, Any] = {
            "": "left",
            "check": "left",
            "time": "right",
            "phases, vitals or what was wrong": "left",
        }
        for heading, justify in columns.items():
            table.add_column(heading, justify=justify, overflow="fold")
        for check in self._checks:
            result = self._latest.get(check.id)
            if result is None:
                table.add_row(Text("… waiting", style="dim"), check.id, "", Text(check.target, style="dim"))
            else:
                table.add_row(sign(result.verdict), check.id, milliseconds(result.duration_s), detail(result))
        return table
