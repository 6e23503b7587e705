"""Memory as the kernel grants it: what is left, what a process tree takes, and who was killed for want of it.

Limits and counters are those of cgroups, version 1 and 2 (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

SYSTEM = Path("/")
NO_LIMIT = 1 << 60  # version 1 writes "none" as a number near 2**63


@dataclass(frozen=True, slots=True)
class _Names:
    """What one version of cgroups calls its files."""

    limit: str
    used: str
    reclaimable: str
    """The line of memory.stat with pages the kernel takes back when it needs them."""
    events: str


_VERSION_1 = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "memory.oom_control")
_VERSION_2 = _Names("memory.max", "memory.current", "inactive_file", "memory.events")


def limit_bytes(system: Path = SYSTEM) -> int:
    """The most memory this process and its children may have: the machine's, or less by a cgroup."""
    limits = [limit for place, names in _groups(system) if (limit := _number(place / names.limit)) is not None]
    return min([*limits, _fields(system / "proc/meminfo").get("MemTotal:", NO_LIMIT >> 10) << 10])


def headroom_bytes(system: Path = SYSTEM) -> int:
    """How much more can be had before the kernel refuses or kills, over the machine and every cgroup around us."""
    left = [_left(place, names) for place, names in _groups(system)]
    available = _fields(system / "proc/meminfo").get("MemAvailable:", NO_LIMIT >> 10) << 10
    return max(0, min([available, *left]))


def oom_kills(system: Path = SYSTEM) -> int | None:
    """How many processes of our cgroup the kernel has killed for want of memory; None where it does not say."""
    for place, names in _groups(system):
        if (count := _fields(place / names.events).get("oom_kill")) is not None:
            return count
    return _fields(system / "proc/vmstat").get("oom_kill")


def tree_bytes(pid: int) -> int:
    """What process ``pid`` and all its descendants take: their proportional share (PSS), resident size without it."""
    import psutil  # not needed to read a configuration, which asks for limits

    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:  # gone, or hidden from us
        return 0
    return sum(map(_process_bytes, family))


def _process_bytes(process: psutil.Process) -> int:
    shared = _fields(Path(f"/proc/{process.pid}/smaps_rollup")).get("Pss:")
    if shared is not None:
        return shared << 10
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _groups(system: Path) -> Iterator[tuple[Path, _Names]]:
    """Our own memory cgroup and those around it, innermost first."""
    for line in _lines(system / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            mount, names = system / "sys/fs/cgroup/memory", _VERSION_1
        elif not controllers:
            mount, names = system / "sys/fs/cgroup", _VERSION_2
        else:
            continue
        place = mount / path.lstrip("/")
        if not place.is_dir():  # a container that sees only its own part of the tree
            place = mount
        for one in (place, *place.parents):
            yield one, names
            if one == mount:
                break


def _left(place: Path, names: _Names) -> int:
    limit, used = _number(place / names.limit), _number(place / names.used)
    if limit is None or used is None:
        return NO_LIMIT
    return limit - used + _fields(place / "memory.stat").get(names.reclaimable, 0)


def _number(path: Path) -> int | None:
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdigit() and int(text) < NO_LIMIT else None


def _fields(path: Path) -> dict[str, int]:
    """``name value`` lines, with whatever unit the file has."""
    found = {}
    for line in _lines(path):
        name, *values = line.split()
        if values and values[0].isdigit():
            found[name] = int(values[0])
    return found


def _lines(path: Path) -> list[str]:
    with suppress(OSError):
        return path.read_text().splitlines()
    return []
