"""``prober demo``: the ticket shop in a process of its own, and ``serve`` against it, live on the terminal."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prober.app.serve import ServeOptions, Started, serve_until_told
from prober.app.targets import choose_region
from prober.config import load
from prober.faults import UserFault
from prober.model import Check, Result
from prober.panels import milliseconds
from prober.render.terminal import console as open_console
from prober.render.terminal import detail, line, sign
from prober.web import WebServer

SHOP = ("127.0.0.1", 8000)
ALERTS = ("127.0.0.1", 5001)  # where the shipped probes.yaml sends its notices
READY_WITHIN_S = 30.0


async def run_demo(config_path: Path, region: str | None, environ: Mapping[str, str]) -> None:
    """Run both until Ctrl-C or SIGTERM. Raises UserFault when one of them cannot start."""
    console = open_console()
    listen = f"{SHOP[0]}:{_free_port(SHOP)}"
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _cancel, asyncio.current_task())
    async with _shop(listen) as url:
        with TemporaryDirectory(prefix="prober-demo-") as kept:
            surroundings = {
                **environ,
                "EVENTCHAIN_URL": url,
                "EVENTCHAIN_ADDRESS": listen,
                "PROBER_STORE": f"{kept}/prober.db",
            }
            config = load(config_path, surroundings, lenient=True).config
            chosen = choose_region(config.regions, region, environ, first=True)
            board = _Board(console, url, chosen)
            options = ServeOptions(surroundings, chosen, on_started=board.start, on_result=board.take)
            with _alerts(board.tell):
                try:
                    await serve_until_told(config_path, options)
                finally:
                    board.stop()
    console.print("stopped")


def _cancel(task: asyncio.Task[Any] | None) -> None:
    """SIGTERM before ``serve`` listens to it: everything that was started is ended on the way out."""
    if task is not None:
        task.cancel()


def _free_port(wanted: tuple[str, int]) -> int:
    """``wanted``'s port when nobody has it, else any that is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(wanted)
        except OSError:
            probe.bind((wanted[0], 0))
        return int(probe.getsockname()[1])


@contextmanager
def _alerts(tell: Callable[[str], None]) -> Iterator[None]:
    """A receiver for the notices of the shipped file, so that an alert can be seen; none where its port is taken."""

    async def take(request: Request) -> Response:
        notice = await request.json()
        tell(f"{notice.get('kind', 'notice')}: {notice.get('title', '')}: {notice.get('message', '')}")
        return Response()

    receiver = WebServer(Starlette(routes=[Route("/", take, methods=["POST"])]), *ALERTS)
    try:
        receiver.start()
    except UserFault:
        tell("port 5001 is taken: notices go to whoever has it")
    try:
        yield
    finally:
        receiver.stop(1.0)


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
        preexec_fn=_die_with_parent,
    )
    try:
        await _wait_until_ready(url, process)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def _die_with_parent() -> None:
    """Also where we are killed outright: prctl(2), PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


async def _wait_until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    end = asyncio.get_running_loop().time() + READY_WITHIN_S
    async with httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None:
            try:
                await client.get(f"{url}/health")
            except httpx.TransportError:
                if asyncio.get_running_loop().time() > end:
                    raise UserFault(f"the demo shop did not start within {READY_WITHIN_S:g}s") from None
                await asyncio.sleep(0.1)
            else:
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
        self._console.print(f"  region   {self._region}; Ctrl-C stops")
        self._console.print(
            f"""  break it curl -X POST -d '{{"service_down": "redis"}}' {self._shop_url}/dials\n""", markup=False
        )
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

    def tell(self, notice: str) -> None:
        """Show a notice that was delivered; called from the receiver's thread."""
        self._console.print(Text(f"ALERT {notice}", style="bold"), soft_wrap=True)

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
