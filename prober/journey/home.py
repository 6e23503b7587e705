"""The private directories of workers, and the removal of those that a killed prober left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from prober.journey.family import kill_family

PREFIX = "prober-worker-"
MAKING = "prober-making-"
OLD_S = 60.0  # nobody takes that long to lock a directory


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
    making = Path(tempfile.mkdtemp(prefix=f"{MAKING}{os.getpid()}-"))
    lock = os.open(making / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Named only now: whoever sees it by this name and gets its lock knows that its prober is dead.
    path = making.rename(making.with_name(making.name.replace(MAKING, PREFIX, 1)))
    return Home(path, lock)


def remove_orphans() -> int:
    """End what workers of killed probers left running, and delete their directories; returns how many there were.

    Whether a prober lives is told by its lock, not its process id, which means nothing across containers.
    """
    place = Path(tempfile.gettempdir())
    for path in place.glob(f"{MAKING}*"):
        _remove_old(path)
    return sum(_remove_orphan(path) for path in place.glob(f"{PREFIX}*") if _is_ours(path))


def _is_ours(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def _remove_orphan(path: Path) -> bool:
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:  # its prober is removing it, or was killed while it did
        _remove_old(path)
        return False
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


def _remove_old(path: Path) -> None:
    with contextlib.suppress(OSError):
        if _is_ours(path) and path.stat().st_mtime < time.time() - OLD_S:
            shutil.rmtree(path, ignore_errors=True)
