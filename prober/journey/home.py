"""The private directories of workers, and the removal of those that a killed prober left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from prober.journey.family import kill_family

PREFIX = "prober-worker-"
YOUNG_S = 10.0  # a directory this young may not have got its lock yet


@dataclass(frozen=True, slots=True)
class Home:
    """A worker's temporary directory, locked for as long as its prober lives."""

    path: Path
    lock: int

    def remove(self) -> None:
        """Delete it with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def make_home() -> Home:
    """A fresh directory of its own for one worker."""
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    lock = os.open(path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return Home(path, lock)


def remove_orphans() -> int:
    """End what workers of killed probers left running, and delete their directories; returns how many there were.

    Whether a prober lives is told by its lock, not its process id, which means nothing across containers.
    """
    old = time.time() - YOUNG_S
    return sum(_remove_orphan(path) for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_ours(path, old))


def _is_ours(path: Path, made_before: float) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return status.st_uid == os.geteuid() and status.st_mtime < made_before


def _remove_orphan(path: Path) -> bool:
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # its prober lives
        return False
    else:
        kill_family(None, path)
        shutil.rmtree(path, ignore_errors=True)
        return True
    finally:
        os.close(lock)
