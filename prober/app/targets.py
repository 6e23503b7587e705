"""What ``prober run`` was asked to run: check ids, journey files, bare URLs, tags, or everything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prober.app.settings import with_settings
from prober.config import Loaded, make_check
from prober.faults import UserFault
from prober.journey import read_journeys
from prober.model import Check
from prober.shard import WHOLE, Shard, parse_shard

_PLACE = re.compile(r"[A-Za-z0-9.-]+:\d+")
_URL = re.compile(r"(https?|tcp)://", re.IGNORECASE)


def choose_region(regions: Sequence[str], asked: str | None, environ: Mapping[str, str], *, first: bool) -> str:
    """The region of this instance: ``asked``, else PROBER_REGION, else the only one listed, else ``local``.

    With several listed and none chosen it is the first of them, or a UserFault when ``first`` is false.
    """
    chosen = asked or environ.get("PROBER_REGION") or None
    if chosen is None:
        if not regions:
            return "local"
        if len(regions) > 1 and not first:
            raise UserFault(
                f"several regions are listed ({', '.join(regions)}): choose one by --region or PROBER_REGION"
            )
        return regions[0]
    if regions and chosen not in regions:
        near = get_close_matches(chosen, regions, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(regions)}"
        raise UserFault(f"unknown region {chosen!r}: {hint}")
    return chosen


def in_region(check: Check, region: str) -> bool:
    """Whether ``check`` runs in ``region``."""
    return check.enabled and (check.regions is None or region in check.regions)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a prober runs, and which part of what runs there is its own."""

    region: str
    shard: Shard = WHOLE

    @property
    def name(self) -> str:
        """What it is called among all."""
        return self.shard.name(self.region)

    def runs(self, check: Check) -> bool:
        """Whether ``check`` is one of its own."""
        return in_region(check, self.region) and self.shard.owns(check.id)


def choose_shard(asked: str | None, hostname: str) -> Shard:
    """The shard ``asked`` for, by number or by the name of the host; all there is when it is None."""
    if not asked:
        return WHOLE
    try:
        return parse_shard(asked, hostname)
    except ValueError as error:
        raise UserFault(f"--shard {asked}: {error}") from None


def select(
    loaded: Loaded,
    targets: Sequence[str],
    tags: Sequence[str],
    region: str,
    settings: Mapping[str, str] | None = None,
) -> list[Check]:
    """The checks that ``targets`` and ``tags`` name, each once, in order; ``settings`` go over their params.

    Raises UserFault when there are none.
    """
    if targets:
        found = [check for target in targets for check in _resolve(loaded, target, settings or {})]
    else:
        found = [check for check in loaded.config.checks if in_region(check, region)]
    chosen = _each_once(check for check in found if not tags or set(tags) & set(check.tags))
    if not chosen:
        what = f"with tag {' or '.join(tags)}" if tags else "in the configuration"
        raise UserFault(
            f"nothing to run: no check {what} (of {len(found)})" if tags else f"nothing to run: no check {what}"
        )
    if settings:
        return [with_settings(check, settings, loaded.base) for check in chosen.values()]
    return list(chosen.values())


def _each_once(checks: Iterable[Check]) -> dict[str, Check]:
    """``checks`` by id; different ones that came by the same id get numbers, so that none is lost."""
    chosen: dict[str, Check] = {}
    for check in checks:
        name, number = check.id, 2
        while name in chosen and chosen[name].model_copy(update={"id": check.id}) != check:
            name, number = f"{check.id}-{number}", number + 1
        chosen[name] = check if name == check.id else check.model_copy(update={"id": name})
    return chosen


def _resolve(loaded: Loaded, target: str, settings: Mapping[str, str]) -> list[Check]:
    if _URL.match(target):
        return [_from_url(loaded, target)]
    named = [check for check in loaded.config.checks if check.id == target]
    if named:
        return named
    path, _, name = target.partition("::")
    if path.endswith(".py") or Path(path).is_file():
        return _from_file(loaded, Path(path), name, settings)
    ids = [check.id for check in loaded.config.checks]
    near = get_close_matches(target, ids, 1) or [
        f"{scheme}://{target}" for scheme in ("tcp",) if _PLACE.fullmatch(target)
    ]
    hint = f"did you mean {near[0]!r}?" if near else "expected a check id, a journey file, or a URL"
    raise UserFault(f"unknown target {target!r}: {hint}")


def _from_url(loaded: Loaded, url: str) -> Check:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UserFault(f"{url!r} is no URL: {error}") from None
    place = parts.netloc.rpartition("@")[2] + parts.path
    name = re.sub(r"[^A-Za-z0-9._]+", "-", place).strip("-._")[:90] or "target"
    if parts.scheme.lower() == "tcp":
        values: dict[str, Any] = {"id": f"tcp-{name}", "kind": "tcp", "address": parts.netloc}
    else:
        values = {"id": name, "kind": "http", "url": url}
    return _make(loaded, values)


def _from_file(loaded: Loaded, path: Path, name: str, settings: Mapping[str, str]) -> list[Check]:
    if not path.is_file():
        raise UserFault(f"{path}: no such journey file")
    if path.name.startswith("test_"):
        chosen = f"{path.resolve()}::{name}" if name else str(path.resolve())
        return [_make(loaded, {"id": path.stem, "kind": "pytest", "file": chosen})]
    journeys = read_journeys(path)
    wanted = [journey for journey in journeys if not name or name in (journey.id, journey.function)]
    if not wanted:
        known = ", ".join(journey.id for journey in journeys)
        raise UserFault(f"{path}: no journey {name!r}; it has {known}")
    given = {"params": dict(settings)} if settings else {}
    return [
        _make(loaded, {"id": one.id, "kind": one.kind, "journey": f"{path.resolve()}::{one.function}", **given})
        for one in wanted
    ]


def _make(loaded: Loaded, values: dict[str, Any]) -> Check:
    # It runs once: its interval says nothing but that no timeout is too long for it.
    return make_check({**values, "interval": "1h"}, loaded.base, loaded.config.defaults)
