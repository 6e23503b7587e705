"""Visitors: who is logged in and what lies in the cart. A session starts with the first thing worth remembering."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from prober.demo.database import Database
from prober.demo.shop import Pick

ACTIVE_FOR_S = 300.0
KEPT_FOR_S = 7200.0


@dataclass(frozen=True)
class Session:
    """One visitor; `pending_email` has passed the password but not yet the second factor."""

    id: str
    email: str | None = None
    account: bool = False
    pending_email: str | None = None
    cart: tuple[Pick, ...] = ()


class Sessions:
    """The sessions of one shop, kept for two hours after their last use."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, session_id: str | None) -> Session | None:
        """The session behind a cookie, if it is still kept."""
        if session_id is None:
            return None
        rows = self._database.rows("SELECT * FROM sessions WHERE id = ?", session_id)
        if not rows or rows[0]["seen_at"] < time.time() - KEPT_FOR_S:
            return None
        cart = self._database.rows("SELECT event_id, seat FROM cart WHERE session_id = ? ORDER BY rowid", session_id)
        row = rows[0]
        picks = tuple(Pick(*pick) for pick in cart)
        return Session(row["id"], row["email"], bool(row["account"]), row["pending_email"], picks)

    def start(self, previous: Session | None, *, synthetic: bool) -> Session:
        """A session under a new id, with the cart of the previous one, which ends. Logging in must change the id."""
        session = Session(secrets.token_urlsafe(24), cart=previous.cart if previous else ())
        now = time.time()
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE seen_at < ?", (now - KEPT_FOR_S,))
            connection.execute(
                "INSERT INTO sessions (id, synthetic, seen_at) VALUES (?, ?, ?)", (session.id, int(synthetic), now)
            )
            if previous:
                connection.execute("UPDATE cart SET session_id = ? WHERE session_id = ?", (session.id, previous.id))
                connection.execute("DELETE FROM sessions WHERE id = ?", (previous.id,))
        return session

    def identify(self, session: Session, email: str, *, account: bool) -> None:
        """Remember who the visitor is: an account's owner or a guest."""
        query = "UPDATE sessions SET email = ?, account = ?, pending_email = NULL WHERE id = ?"
        self._write(query, email, int(account), session.id)

    def await_code(self, session: Session, email: str) -> None:
        """Remember that this visitor still owes the second factor."""
        self._write("UPDATE sessions SET pending_email = ? WHERE id = ?", email, session.id)

    def touch(self, session: Session) -> None:
        """Note that the visitor is still there."""
        self._write("UPDATE sessions SET seen_at = ? WHERE id = ?", time.time(), session.id)

    def end(self, session: Session) -> None:
        """Forget the visitor and the cart."""
        self._write("DELETE FROM sessions WHERE id = ?", session.id)

    def put(self, session: Session, picks: Sequence[Pick]) -> None:
        """Add seats to the cart."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO cart VALUES (?, ?, ?)", [(session.id, *pick) for pick in picks]
            )

    def take_out(self, session: Session, picks: Sequence[Pick]) -> None:
        """Remove seats from the cart."""
        with self._database.transaction() as connection:
            connection.executemany(
                "DELETE FROM cart WHERE session_id = ? AND event_id = ? AND seat = ?",
                [(session.id, *pick) for pick in picks],
            )

    def active_users(self) -> int:
        """Visitors, monitoring left out, seen within five minutes."""
        query = "SELECT count(*) AS n FROM sessions WHERE synthetic = 0 AND seen_at > ?"
        return int(self._database.rows(query, time.time() - ACTIVE_FOR_S)[0]["n"])

    def _write(self, query: str, *values: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(query, values)
