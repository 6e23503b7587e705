"""The store: results, states, transitions, incidents and the outbox, in SQLite by default."""

from prober.store.database import Store
from prober.store.rows import Batch, OutboxRow, StoredResult, StoreFault, Told

__all__ = ["Batch", "OutboxRow", "Store", "StoreFault", "StoredResult", "Told"]
