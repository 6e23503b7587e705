"""``prober doctor``: what is there and what is missing, in one table, each thing tried and not guessed."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.table import Table
from rich.text import Text

from prober.app.logs import configure_logs
from prober.clock import SystemClock
from prober.config import Loaded
from prober.faults import ProbeError
from prober.model import Check, Result
from prober.net import Net, has_route, literal
from prober.secret import Redactor
from prober.selfwatch import descriptors, raise_descriptor_limit

RESOLVE_WITHIN_S = 5.0
LITTLE_DISK = 500 << 20
FEW_DESCRIPTORS = 4096
A_SANE_YEAR = 1_735_689_600.0  # 2025-01-01; a clock before it was never set


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``needed`` ones that are missing make the doctor unhappy."""

    name: str
    ok: bool
    said: str
    needed: bool = True


async def examine(loaded: Loaded, environ: Mapping[str, str]) -> tuple[Table, bool]:
    """The table, and whether everything that is needed is there."""
    configure_logs(Redactor(), level="error")
    findings = [
        Finding("python", sys.version_info >= (3, 11), sys.version.split()[0]),
        *await _browser(loaded, environ),
        await _resolver(loaded),
        _egress(),
        _clock(),
        _disk(loaded.base),
        _descriptors(),
        *_extras(),
    ]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in findings:
        colour = "green" if one.ok else "red" if one.needed else "yellow"
        table.add_row(Text("✔" if one.ok else "✖" if one.needed else "–", style=colour), one.name, Text(one.said))
    return table, all(one.ok or not one.needed for one in findings)


async def _browser(loaded: Loaded, environ: Mapping[str, str]) -> list[Finding]:
    """Start the browser as a journey would, and close it."""
    result = await _blank_page(loaded, environ)
    facts = result.observation.facts
    if result.verdict.value != "up":
        return [Finding("browser", False, result.message)]
    sandbox = str(facts.get("sandbox", "unknown"))
    return [
        Finding("browser", True, f"{facts.get('browser')} at {facts.get('browser_executable')}"),
        Finding(
            "sandbox",
            sandbox == "on",
            sandbox if sandbox == "on" else f"{sandbox}: see docs/operating.md",
            needed=False,
        ),
    ]


async def _blank_page(loaded: Loaded, environ: Mapping[str, str]) -> Result:
    from prober.app.assemble import open_engine
    from prober.config import make_check

    journey = Path(__file__).with_name("blank.py")
    check: Check = make_check(
        {"id": "doctor", "kind": "browser", "journey": str(journey), "timeout": "30s"}, loaded.base
    )
    clock = SystemClock()
    async with open_engine(loaded, {"browser"}, "local", clock, environ, artifacts=None) as engine:
        return await engine.run(check)


async def _resolver(loaded: Loaded) -> Finding:
    """Ask for a name of the configuration, or for localhost where there is none."""
    places = (urlsplit(c.target if "://" in c.target else f"//{c.target}").hostname for c in loaded.config.checks)
    name = next((host for host in places if host and "." in host and literal(host) is None), "localhost")
    net, clock = Net(), SystemClock()
    try:
        found = await net.resolve(name, "any", clock.monotonic() + RESOLVE_WITHIN_S, clock)
    except ProbeError as error:
        return Finding("resolver", False, f"{name}: {error.message}")
    finally:
        await asyncio.shield(net.close())
    return Finding("resolver", True, f"{name} is {found.addresses[0]}, in {found.duration_s * 1000:.1f} ms")


def _egress() -> Finding:
    """Whether this machine knows a way out at all; that it leads anywhere only a check can tell."""
    ways = [name for name, address in (("IPv4", "192.0.2.1"), ("IPv6", "2001:db8::1")) if has_route(address)]
    return Finding("egress", bool(ways), f"a route for {' and '.join(ways)}" if ways else "no route", needed=False)


def _clock() -> Finding:
    now = SystemClock().wall()
    return Finding("clock", now > A_SANE_YEAR, "set" if now > A_SANE_YEAR else "not set: certificates cannot be judged")


def _disk(base: Path) -> Finding:
    free = shutil.disk_usage(base).free
    return Finding("disk", free > LITTLE_DISK, f"{free / (1 << 30):.1f} GiB free at {base.absolute()}")


def _descriptors() -> Finding:
    limit = raise_descriptor_limit()
    used, _ = descriptors()
    return Finding("descriptors", limit >= FEW_DESCRIPTORS, f"{used} open, {limit} allowed", needed=False)


def _extras() -> Iterator[Finding]:
    for name, what in (("boto3", "the CloudWatch sink"), ("playwright", "browser journeys")):
        there = importlib.util.find_spec(name) is not None
        yield Finding(name, there, f"for {what}" if there else f"missing; {what} cannot run", needed=False)
