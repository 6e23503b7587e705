"""The store: results, states, incidents and the outbox, in SQLite by default, in PostgreSQL when it is shared."""

from prober.store.announcements import Announced, Announcement, Update
from prober.store.rows import (
    TICK_S,
    Batch,
    Count,
    Decide,
    Decision,
    Failing,
    LeftOut,
    OutboxRow,
    Scope,
    Snapshot,
    StoredResult,
    StoreFault,
    Vote,
)
from prober.store.store import Store, open_store
from prober.store.subscribers import Subscriber

__all__ = [
    "TICK_S",
    "Announced",
    "Announcement",
    "Batch",
    "Count",
    "Decide",
    "Decision",
    "Failing",
    "LeftOut",
    "OutboxRow",
    "Scope",
    "Snapshot",
    "Store",
    "StoreFault",
    "StoredResult",
    "Subscriber",
    "Update",
    "Vote",
    "open_store",
]
