"""``prober silence`` and ``prober maintenance``: stretches of time in which nothing is told of some checks."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from prober.alerting.setting import PROBER, REGION, UNMONITORED
from prober.app.beside import SHORT, find_id, nearest, person, store_beside
from prober.app.listing import cell, echo, echo_json, open_table, stamp
from prober.clock import iso
from prober.config import Config, Loaded, Maintenance
from prober.faults import UserFault
from prober.model import Check, Hush, HushKind, format_lasting
from prober.store import Store

LONGEST_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    for_s: float
    reason: str
    by: str | None = None
    checks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    everything: bool = False
    in_s: float | None = None
    at: str | None = None
    public: str = ""


def add(loaded: Loaded, kind: HushKind, request: Request) -> None:
    """Begin a silence or plan maintenance. Raises UserFault for what fits no check and for what has passed."""
    name = person(request.by)
    _require_length(request)
    with store_beside(loaded) as store:
        fitting = _fitting(loaded.config, store, request)
        now = store.now()
        starts_at = _start(request, now)
        hush = Hush(
            id=secrets.token_hex(8),
            kind=kind,
            starts_at=starts_at,
            ends_at=starts_at + request.for_s,
            checks=request.checks,
            tags=request.tags,
            reason=request.reason.strip(),
            by=name,
            public=request.public.strip(),
        )
        store.add_hush(hush)
    echo(cell(_added(hush, fitting, now)))


def end(loaded: Loaded, kind: HushKind, given: str) -> None:
    """End the one that ``given`` names, before its time."""
    with store_beside(loaded) as store:
        now = store.now()
        known = {hush.id: _subject(hush) for hush in store.hushes(now) if hush.kind is kind}
        identity = find_id(given, known, kind.value)
        ended = store.end_hush(identity, now)
    said = "is over now" if ended else "was over already"
    echo(cell(f"{kind.value} {identity[:SHORT]} ({known[identity]}) {said}"))


def list_hushes(loaded: Loaded, kind: HushKind, *, as_json: bool) -> None:
    """Print those that have not ended; with the maintenance windows of the configuration."""
    with store_beside(loaded) as store:
        now = store.now()
        hushes = [hush for hush in store.hushes(now) if hush.kind is kind]
    planned = loaded.config.maintenance if kind is HushKind.MAINTENANCE else ()
    windows = [window for window in planned if not window.over(now)]
    if as_json:
        echo_json([*map(_document, hushes), *(_window_document(window, now) for window in windows)])
    elif hushes or windows:
        table = open_table("id", "when", "until", "checks", "reason", "by")
        for row in (*(_row(hush, now) for hush in hushes), *(_window_row(window, now) for window in windows)):
            table.add_row(*map(cell, row))
        echo(table)
    else:
        echo(f"no {kind.value} now, and none planned")


def _require_length(request: Request) -> None:
    if not 0.0 < request.for_s <= LONGEST_S:
        raise UserFault("--for: expected more than nothing and at most 366d")
    if request.in_s is not None and request.at is not None:
        raise UserFault("--in and --at both say when it begins: leave one out")


def _start(request: Request, now: float) -> float:
    if request.at is None:
        return now + (request.in_s or 0.0)
    try:
        # Without a time zone it is what the clock of whoever types it will show.
        starts_at = datetime.fromisoformat(request.at).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UserFault(f"--at {request.at}: expected a date and time such as 2026-12-24T22:00") from None
    if starts_at < now:
        raise UserFault(f"--at {request.at}: that was {format_lasting(now - starts_at)} ago; leave it out to begin now")
    return starts_at


# Which checks.


def _fitting(config: Config, store: Store, request: Request) -> list[str]:
    """The ids of the configured checks it is about. Raises UserFault where a part of it is about none."""
    if request.everything and (request.checks or request.tags):
        raise UserFault("--all and a choice of checks exclude each other: leave one out")
    if not (request.everything or request.checks or request.tags):
        raise UserFault("of which checks? Say --check ID, --check 'PATTERN*', --tag TAG, or --all")
    others = {incident.check_id for incident in store.open_incidents()} | {PROBER, UNMONITORED}
    others |= {f"{REGION}{region}" for region in config.regions}
    ids = [check.id for check in config.checks]
    for pattern in request.checks:
        _require_some(pattern, ids, others)
    tags = {tag for check in config.checks for tag in check.tags}
    for tag in request.tags:
        if tag not in tags:
            raise UserFault(f"no check has the tag {tag!r}{nearest(tag, sorted(tags), 'tag')}")
    return [check.id for check in config.checks if request.everything or _covers(request, check)]


def _require_some(pattern: str, ids: Sequence[str], others: Iterable[str]) -> None:
    if not pattern.strip("*"):
        raise UserFault(f"--check {pattern!r} is everything: say --all if you mean that")
    if not any(fnmatchcase(name, pattern) for name in (*ids, *others)):
        raise UserFault(f"no check {pattern!r}{nearest(pattern, ids, 'check')}")


def _covers(request: Request, check: Check) -> bool:
    by_id = any(fnmatchcase(check.id, pattern) for pattern in request.checks)
    return by_id or not set(request.tags).isdisjoint(check.tags)


# In words.


def _added(hush: Hush, fitting: Sequence[str], now: float) -> str:
    shown = ", ".join(fitting[:5]) + (", ..." if len(fitting) > 5 else "")
    checks = f"{len(fitting)} {'check' if len(fitting) == 1 else 'checks'} ({shown})" if fitting else _subject(hush)
    begin = f"from {stamp(hush.starts_at)}, in {format_lasting(hush.starts_at - now)}, " if hush.starts_at > now else ""
    lasts = f"for {format_lasting(hush.ends_at - hush.starts_at)}, until {stamp(hush.ends_at)}"
    short = hush.id[:SHORT]
    return f"{hush.kind.value} {short}: {checks} {begin}{lasts}; end it by: prober {hush.kind.value} end {short}"


def _subject(choice: Hush | Maintenance) -> str:
    return ", ".join((*choice.checks, *(f"#{tag}" for tag in choice.tags))) or "all checks"


def _row(hush: Hush, now: float) -> tuple[str, ...]:
    begun = hush.starts_at <= now
    when = (
        f"now, for {format_lasting(hush.ends_at - now)} more" if begun else f"in {format_lasting(hush.starts_at - now)}"
    )
    return (hush.id[:SHORT], when, stamp(hush.ends_at), _subject(hush), hush.reason, hush.by)


def _window_row(window: Maintenance, now: float) -> tuple[str, ...]:
    if window.schedule:
        when, until = f"{window.schedule} {window.timezone}", f"{format_lasting(window.duration or 0.0)} later"
    else:
        when, until = f"{window.start} {window.timezone}", f"{window.end} {window.timezone}"
    when = f"now ({when})" if window.active(now) else when
    return ("-", when, until, _subject(window), window.reason, "the configuration")


def _document(hush: Hush) -> dict[str, Any]:
    return {
        "id": hush.id,
        "kind": hush.kind.value,
        "starts_at": iso(hush.starts_at),
        "ends_at": iso(hush.ends_at),
        "checks": list(hush.checks),
        "tags": list(hush.tags),
        "reason": hush.reason,
        "by": hush.by,
    }


def _window_document(window: Maintenance, now: float) -> Mapping[str, Any]:
    return {"id": None, "active": window.active(now), **window.model_dump(mode="json", exclude_defaults=True)}
