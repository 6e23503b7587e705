"""Ending a process with all it started: children, groups of their own, stopped ones, and orphans."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

KILL_S = 3.0  # SIGKILL works at once but for processes stuck in the kernel; no one waits longer for those


def identify(pid: int) -> psutil.Process | None:
    """Process ``pid`` with the time it started, since ids are given again; None where it has ended already."""
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def kill_family(process: psutil.Process | None, home: Path) -> int:
    """SIGKILL ``process`` and whatever belongs to it, until nothing is left; the number of processes killed.

    What belongs to it are its descendants, everything in their process groups (Chromium leads one of its own), and
    every process whose command line or environment names ``home``, its private directory: those were orphaned.
    """
    killed: set[int] = set()
    until = time.monotonic() + KILL_S
    while (members := set(_members(process, home))) and time.monotonic() < until:
        for member in members:
            _kill(member)
        killed |= members
        time.sleep(0.005)
    return len(killed)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _members(root: psutil.Process | None, home: Path) -> Iterator[int]:
    family = _descendants(root) if root is not None else set()
    living = [process for process in psutil.process_iter() if process.pid != os.getpid() and not _is_dead(process)]
    family |= {process.pid for process in living if process.pid not in family and _names(process, str(home))}
    # Chromium's helpers change their command lines, but stay in the group that the browser leads.
    groups = {_group(member) for member in family} - {None, os.getpgid(0)}
    for process in living:
        if process.pid in family or _group(process.pid) in groups:
            yield process.pid


def _descendants(root: psutil.Process) -> set[int]:
    try:
        return {root.pid, *(child.pid for child in root.children(recursive=True))} if root.is_running() else set()
    except psutil.NoSuchProcess:
        return set()


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _is_dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _names(process: psutil.Process, home: str) -> bool:
    try:
        return any(home in part for part in process.cmdline()) or process.environ().get("TMPDIR") == home
    except (psutil.Error, OSError):  # gone meanwhile, or another user's
        return False
