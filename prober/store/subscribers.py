"""Who asked to be told of what a status page says, and the notices that are on their way to them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, delete, func, select, update

from prober.model import Notice
from prober.store import codec, schema
from prober.store.database import Database

MOST_EMAILS = 10_000
MOST_WEBHOOKS = 200
"""Of one page, with those who have not confirmed."""
UNCONFIRMED_S = 2 * 86_400.0
"""Who has not confirmed by then never asked."""
AGAIN_S = 3_600.0
"""Nobody is sent a link to confirm more often."""

_table = schema.subscribers


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who asked to be told."""

    id: str
    page: str
    kind: str
    """email or webhook."""
    address: str
    asked_at: float
    confirmed_at: float | None = None


class Subscribers(Database):
    """Double opt-in: whoever asked is told nothing until they have confirmed."""

    def subscribe(self, asked: Subscriber) -> Subscriber | None:
        """Whom to send a link to confirm: ``asked``, or the one of its address who asked before. None where nobody
        is to be sent one: they have confirmed, or were sent one lately, or there are too many.
        """
        key = (_table.c.page == asked.page, _table.c.kind == asked.kind)
        with self._writing() as connection:
            stale = and_(_table.c.confirmed_at.is_(None), _table.c.asked_at < asked.asked_at - UNCONFIRMED_S)
            connection.execute(delete(_table).where(*key, stale))
            query = select(_table).where(*key, _table.c.address == asked.address).with_for_update()
            row = connection.execute(query).first()
            if row is not None:
                known = _subscriber(row)
                if known.confirmed_at is not None or asked.asked_at < known.asked_at + AGAIN_S:
                    return None
                again = update(_table).where(_table.c.id == known.id).values(asked_at=asked.asked_at)
                connection.execute(again)
                return Subscriber(known.id, known.page, known.kind, known.address, asked.asked_at)
            most = MOST_EMAILS if asked.kind == "email" else MOST_WEBHOOKS
            if connection.execute(select(func.count()).where(*key)).scalar_one() >= most:
                return None
            schema.insert_new(connection, _table, [_row(asked)])
            return asked

    def confirm(self, subscriber_id: str, at: float) -> Subscriber | None:
        """The subscriber, who is told from now on; None where there is none any more."""
        with self._writing() as connection:
            changed = update(_table).where(_table.c.id == subscriber_id, _table.c.confirmed_at.is_(None))
            connection.execute(changed.values(confirmed_at=at))
            row = connection.execute(select(_table).where(_table.c.id == subscriber_id)).first()
            return None if row is None else _subscriber(row)

    def unsubscribe(self, subscriber_id: str) -> bool:
        """Forget them; False where nobody is known by this id."""
        with self._writing() as connection:
            return connection.execute(delete(_table).where(_table.c.id == subscriber_id)).rowcount > 0

    def subscriber(self, subscriber_id: str) -> Subscriber | None:
        """Who goes by this id."""
        rows = self._read(select(_table).where(_table.c.id == subscriber_id))
        return _subscriber(rows[0]) if rows else None

    def subscribers(self, page: str) -> tuple[Subscriber, ...]:
        """Those who have confirmed."""
        query = select(_table).where(_table.c.page == page, _table.c.confirmed_at.is_not(None))
        return tuple(_subscriber(row) for row in self._read(query.order_by(_table.c.id)))

    def post(self, notices: Iterable[tuple[str, Notice]]) -> None:
        """Put (channel, notice) into the outbox. One whose id is there already is not written again."""
        rows = [codec.outbox_values(channel, notice) for channel, notice in notices]
        if rows:
            with self._writing() as connection:
                schema.insert_new(connection, schema.outbox, rows, ["id"])


def _row(subscriber: Subscriber) -> dict[str, Any]:
    return {
        "id": subscriber.id,
        "page": subscriber.page,
        "kind": subscriber.kind,
        "address": codec.text(subscriber.address),
        "payload": json.dumps({}),
        "asked_at": subscriber.asked_at,
        "confirmed_at": subscriber.confirmed_at,
    }


def _subscriber(row: Row[Any]) -> Subscriber:
    return Subscriber(row.id, row.page, row.kind, row.address, row.asked_at, row.confirmed_at)
