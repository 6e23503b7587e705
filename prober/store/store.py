"""The store as one object, wherever it lives. Any thread may call it."""

from __future__ import annotations

from pathlib import Path

from prober.clock import Clock, SystemClock
from prober.secret import Secret
from prober.store import sqlite
from prober.store.announcements import Announcements
from prober.store.cargo import Moving
from prober.store.counts import Counting
from prober.store.database import Place
from prober.store.decisions import Decisions
from prober.store.notes import Notes
from prober.store.outbox import Outbox
from prober.store.past import Remembering
from prober.store.regions import Regions
from prober.store.rollups import RollUps
from prober.store.subscribers import Subscribers

SERVERS = ("postgresql://", "postgres://", "postgresql+psycopg://")


class Store(Decisions, Outbox, Regions, Moving, RollUps, Remembering, Counting, Notes, Announcements, Subscribers):
    """The prober's memory. Every method raises StoreFault when the database does not play along."""

    def __init__(
        self,
        where: Path | Secret | str,
        clock: Clock | None = None,
        *,
        exclusive: bool = True,
        wait: bool = True,
        place: Place | None = None,
    ) -> None:
        """Open the file ``where`` in SQLite, or make it; or the database at a URL ``postgresql://...``.

        ``exclusive`` keeps a second prober out of a file; reading beside one needs it off. ``wait=False`` leaves
        making the store ready to the first use: a server need not be there yet, and what is wrong is a StoreFault.

        Raises UserFault when the store is in use, cannot be used, or was written by a newer release. A damaged
        file is moved aside and replaced by an empty one.
        """
        super().__init__(place or _place(where, clock, exclusive), clock, wait=wait)

    @classmethod
    def in_memory(cls, clock: Clock | None = None) -> Store:
        """A store of one's own that ends with the process."""
        return cls("", clock, place=sqlite.Memory())

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged file was moved to when this store was opened."""
        return self._place.set_aside if isinstance(self._place, sqlite.File) else None

    @property
    def path(self) -> Path | None:
        """The file, where it is one."""
        return self._place.path if isinstance(self._place, sqlite.File) else None


def open_store(
    where: Path | Secret | str, clock: Clock | None = None, *, exclusive: bool = True, wait: bool = True
) -> Store:
    """The store at ``where``; see ``Store``."""
    return Store(where, clock, exclusive=exclusive, wait=wait)


def _place(where: Path | Secret | str, clock: Clock | None, exclusive: bool) -> Place:
    text = where.reveal() if isinstance(where, Secret) else str(where)
    if isinstance(where, Path) or not text.startswith(SERVERS):
        return sqlite.File(Path(text), clock or SystemClock(), exclusive=exclusive)
    # Its driver takes a tenth of a second to load, which most probers never need.
    from prober.store.postgres import Server

    return Server(Secret(text))
