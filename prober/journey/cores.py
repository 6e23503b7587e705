"""Which processor cores belong to which slot.

Beside a Chromium that may run anywhere, the first byte an HTTP check sees is late by 45 to 125 ms at p99; beside one
that is pinned, by under 1 ms. So workers, and with them all they start, stay off one core at least. The prober itself
is not pinned: it takes whichever core is idle, and a core it is not on would be lost to its threads.
"""

from __future__ import annotations

import os
from pathlib import Path

SYSTEM = Path("/")


def granted_cores() -> frozenset[int]:
    """The cores this process may use: its affinity, which a cpuset narrows too."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def usable_cores(system: Path = SYSTEM) -> int:
    """How many cores' worth of time we have: those granted, or less by a cgroup's quota; at least 1."""
    quota = _quota(system)
    cores = len(granted_cores())
    return cores if quota is None else max(1, min(cores, int(quota)))


def share_out(cores: frozenset[int], slots: int) -> list[frozenset[int]]:
    """For every slot the cores its worker is pinned to; none of them the first. Empty sets where there is but one core.

    Slots have cores of their own as long as there are enough, and all share them otherwise.
    """
    _, *rest = sorted(cores) or [0]
    if not rest:
        return [frozenset()] * slots
    if slots > len(rest):
        return [frozenset(rest)] * slots
    return [frozenset(rest[index::slots]) for index in range(slots)]


def pin(pid: int, cores: frozenset[int]) -> None:
    """Keep process ``pid`` and all it will start on ``cores``; without any, or where the system cannot, do nothing."""
    if not cores or not hasattr(os, "sched_setaffinity"):
        return
    try:
        os.sched_setaffinity(pid, cores)
    except OSError:  # it has ended, or a core was taken away meanwhile
        return


def _quota(system: Path) -> float | None:
    """Cores' worth of time by the outermost cgroup we see, version 2 or 1; None without a limit."""
    top = system / "sys/fs/cgroup"
    try:
        if (top / "cpu.max").exists():
            quota, period = (top / "cpu.max").read_text().split()
        else:
            quota, period = ((top / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return None if quota.strip() in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError):
        return None
