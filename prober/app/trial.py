"""``prober notify``: which routes lead where, and whether a channel's service takes what it is sent."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module

from prober.app.assemble import redactor_for
from prober.app.beside import nearest
from prober.app.listing import cell, echo, open_table
from prober.app.logs import configure_logs
from prober.clock import Clock, SystemClock
from prober.config import Config, Loaded, Route
from prober.faults import ConfigFault, DeliveryFault, UserFault, describe
from prober.model import Notice, NoticeKind, format_lasting
from prober.notify import CHANNELS, Channel, Notifier, Receipt

ATTEMPT_S = 15.0
"""For how long a service may keep silent."""


def list_channels(loaded: Loaded) -> None:
    """Print every channel with its kind and what leads there."""
    config = loaded.config
    if not config.channels:
        raise UserFault(f"{loaded.source}: there are no channels")
    table = open_table("channel", "kind", "at most", "told by")
    for name, spec in config.channels.items():
        ways = "; ".join(_ways(config, name))
        told_by = cell(ways) if ways else cell("nothing: no route leads here", "yellow")
        table.add_row(cell(name), cell(spec.kind), cell(f"{spec.per_minute} a minute"), told_by)
    echo(table)


def try_channels(loaded: Loaded, names: Sequence[str], *, to_all: bool) -> bool:
    """Send a marked trigger and its resolve to each channel and print what came of it; whether all were taken."""
    if to_all == bool(names):
        raise UserFault("which channel? Name one, or say --to-all")
    config, chosen = loaded.config, list(loaded.config.channels) if to_all else list(names)
    for name in chosen:
        if name not in config.channels:
            raise UserFault(f"no channel {name!r}{nearest(name, config.channels, 'channel')}")
    if not chosen:
        raise UserFault(f"{loaded.source}: there are no channels")
    _require_channels(loaded, chosen)
    configure_logs(redactor_for(loaded), loaded.config.logs.format, "warning")
    region = config.regions[0] if len(config.regions) == 1 else "local"
    clock = SystemClock()
    trigger = _trigger(region, clock)
    taken = [asyncio.run(_try(name, config.channels[name], trigger, clock)) for name in chosen]
    return all(taken)


def _require_channels(loaded: Loaded, names: Iterable[str]) -> None:
    """Raise ConfigFault where one of them, and not just any, uses references that lead to nothing."""
    places = tuple(f"channels.{name}" for name in names)
    lacking = [error for error in loaded.lacking((), "channels") if _within(error.path, places)]
    if lacking:
        raise ConfigFault(loaded.source, lacking)


def _within(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)


async def _try(name: str, spec: Channel, trigger: Notice, clock: Clock) -> bool:
    notifier: Notifier = import_module(CHANNELS[spec.kind]).Sender(spec)
    try:
        told = await _send(name, spec, notifier, replace(trigger, id=f"{trigger.id}-trigger-{name}"))
        if told is None:
            return False
        resolve = replace(
            trigger,
            id=f"{trigger.id}-resolve-{name}",
            kind=NoticeKind.RESOLVE,
            at=max(clock.wall(), trigger.at),
            message="the test is over",
        )
        return await _send(name, spec, notifier, resolve, told.reference) is not None
    finally:
        await notifier.close()


async def _send(name: str, spec: Channel, notifier: Notifier, notice: Notice, earlier: str = "") -> Receipt | None:
    """The receipt; None where it was not taken. Either way it is said what the service answered."""
    head = f"{name} ({spec.kind}): {notice.kind.value}"
    try:
        async with asyncio.timeout(ATTEMPT_S):
            receipt = await notifier.send(notice, earlier)
    except TimeoutError:
        echo(cell(f"{head} not taken: no answer within {format_lasting(ATTEMPT_S)}", "bold red"))
        return None
    except DeliveryFault as fault:
        echo(cell(f"{head} not taken: {describe(fault)}", "bold red"))
        return None
    echo(cell(f"{head} taken: {' '.join(filter(None, (str(receipt.status), receipt.detail)))}"))
    return receipt


def _trigger(region: str, clock: Clock) -> Notice:
    identity = f"test-{secrets.token_hex(8)}"
    now = clock.wall()
    return Notice(
        id=identity,
        kind=NoticeKind.TRIGGER,
        incident_id=identity,
        check_id="prober-notify-test",
        title="a test of this channel",
        region=region,
        target="",
        severity="info",
        reason="",
        message="sent by hand with `prober notify test`: nothing is down",
        since=now,
        at=now,
        test=True,
    )


def _ways(config: Config, channel: str) -> Iterator[str]:
    for number, route in enumerate(config.routes, 1):
        selects = _selects(route)
        if channel in route.channels:
            yield f"route {number} ({selects})"
        for step in route.escalate:
            if channel in step.channels:
                yield f"route {number} ({selects}) after {format_lasting(step.after)} without an acknowledgement"
        if channel == route.fallback:
            yield f"route {number} where another channel refuses"
    if channel in config.selfwatch.channels:
        yield "trouble with the prober itself"


def _selects(route: Route) -> str:
    hours = route.hours
    parts = {
        "checks": ", ".join(route.checks),
        "tags": ", ".join(route.tags),
        "severity": ", ".join(severity.value for severity in route.severity),
        "regions": ", ".join(route.regions),
        "hours": f"{', '.join(hours.days)} {hours.start}-{hours.end} {hours.timezone}" if hours else "",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items() if value) or "everything"
