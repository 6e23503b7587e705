"""The store: results, states, incidents and the outbox, in SQLite by default, in PostgreSQL when it is shared."""

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

__all__ = [
    "TICK_S",
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
    "Vote",
    "open_store",
]
