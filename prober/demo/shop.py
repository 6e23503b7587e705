"""The shop's trade: which seats are free, orders, cancellations. An order is one transaction, a seat is sold once."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Literal, NamedTuple

from prober.demo.catalogue import EVENTS, SEATS, Event, reserved_seats
from prober.demo.database import Database
from prober.demo.payment import Charge
from prober.demo.refusal import Refusal

MAX_SEATS_PER_ORDER = 10
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Pick(NamedTuple):
    """A seat somebody wants."""

    event_id: str
    seat: str


@dataclass(frozen=True)
class Buyer:
    """Who orders; `synthetic` when the order comes from monitoring and must not count as business."""

    email: str
    name: str
    delivery: Literal["e-ticket", "box-office"] = "e-ticket"
    synthetic: bool = False


@dataclass(frozen=True)
class Item:
    """One seat of an order."""

    event_id: str
    seat: str
    tier: str
    price_cents: int
    ticket: str


@dataclass(frozen=True)
class Order:
    """A paid or cancelled order; whoever holds the `token` may see and cancel it."""

    id: str
    token: str
    status: Literal["paid", "cancelled"]
    buyer: Buyer
    items: tuple[Item, ...]
    amount_cents: int
    card_last4: str
    created_at: str

    @property
    def refunded_cents(self) -> int:
        """What went back to the buyer."""
        return self.amount_cents if self.status == "cancelled" else 0


class Shop:
    """Seats and orders in a database that several shops (threads, processes) may share."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO sold (event_id, seat, order_id) VALUES (?, ?, NULL)",
                [(event.id, seat) for event in EVENTS.values() for seat in reserved_seats(event)],
            )

    def sold_seats(self, event_id: str) -> frozenset[str]:
        """The seats of an event that cannot be had."""
        return frozenset(
            row["seat"] for row in self._database.rows("SELECT seat FROM sold WHERE event_id = ?", event_id)
        )

    def available(self) -> dict[str, int]:
        """How many seats each event has left."""
        sold = {
            row["event_id"]: row["n"]
            for row in self._database.rows("SELECT event_id, count(*) AS n FROM sold GROUP BY event_id")
        }
        return {event_id: len(SEATS) - sold.get(event_id, 0) for event_id in EVENTS}

    def order(self, picks: Sequence[Pick], buyer: Buyer, pay: Callable[[int], Charge]) -> Order:
        """Take the seats, then the money (`pay` gets the sum in cents); both or neither. Raises `Refusal`."""
        order_id = "EC-" + _code(8)
        items = _priced(picks, order_id)
        amount_cents = sum(item.price_cents for item in items)
        with self._database.transaction() as connection:
            _claim(connection, items)
            charge = pay(amount_cents)
            created_at = datetime.now(UTC).isoformat(timespec="milliseconds")
            order = Order(
                order_id, secrets.token_urlsafe(18), "paid", buyer, items, amount_cents, charge.card_last4, created_at
            )
            _insert(connection, order)
        return order

    def find(self, order_id: str, token: str) -> Order:
        """The order, for whoever holds its token. Raises `Refusal` without telling which of the two was wrong."""
        rows = self._database.rows("SELECT * FROM orders WHERE id = ?", order_id)
        if not rows or not compare_digest(rows[0]["token"].encode(), token.encode()):
            raise Refusal("order_not_found", "There is no such order.", 404)
        return self._load(rows[0])

    def cancel(self, order_id: str, token: str) -> Order:
        """Refund the order and free its seats; cancelling again changes nothing. Raises `Refusal` as `find` does."""
        self.find(order_id, token)
        with self._database.transaction() as connection:
            connection.execute("UPDATE orders SET status = 'cancelled' WHERE id = ?", (order_id,))
            connection.execute("DELETE FROM sold WHERE order_id = ?", (order_id,))
        return self.find(order_id, token)

    def orders_of(self, email: str) -> list[Order]:
        """A customer's orders, the newest first, at most 20."""
        query = "SELECT * FROM orders WHERE email = ? ORDER BY created_at DESC LIMIT 20"
        return [self._load(row) for row in self._database.rows(query, email)]

    def _load(self, row: sqlite3.Row) -> Order:
        items = self._database.rows(
            "SELECT event_id, seat, tier, price_cents, ticket FROM items WHERE order_id = ? ORDER BY rowid", row["id"]
        )
        return Order(
            row["id"],
            row["token"],
            row["status"],
            Buyer(row["email"], row["name"], row["delivery"], bool(row["synthetic"])),
            tuple(Item(*item) for item in items),
            row["amount_cents"],
            row["card_last4"],
            row["created_at"],
        )


def find_event(event_id: str) -> Event:
    """An event of the catalogue. Raises `Refusal`."""
    if event_id not in EVENTS:
        raise Refusal("event_not_found", "There is no such event.", 404)
    return EVENTS[event_id]


def check_picks(picks: Sequence[Pick]) -> None:
    """Raises `Refusal` unless these are one to ten different seats that exist."""
    if not 0 < len(picks) <= MAX_SEATS_PER_ORDER:
        raise Refusal("invalid_order", f"An order has one to {MAX_SEATS_PER_ORDER} seats.", 400)
    if len(set(picks)) != len(picks):
        raise Refusal("invalid_order", "An order names every seat once.", 400)
    for event_id, seat in picks:
        find_event(event_id)
        if seat not in SEATS:
            raise Refusal("invalid_order", f"There is no seat {seat[:20]}.", 400)


def _priced(picks: Sequence[Pick], order_id: str) -> tuple[Item, ...]:
    check_picks(picks)
    tiers = [EVENTS[pick.event_id].tier_of(pick.seat) for pick in picks]
    return tuple(
        Item(pick.event_id, pick.seat, tier.name, tier.price_cents, f"{order_id}-{pick.seat}-{_code(4)}")
        for pick, tier in zip(picks, tiers, strict=True)
    )


def _claim(connection: sqlite3.Connection, items: Sequence[Item]) -> None:
    for item in items:
        try:
            connection.execute("INSERT INTO sold (event_id, seat) VALUES (?, ?)", (item.event_id, item.seat))
        except sqlite3.IntegrityError as error:
            message = f"Seat {item.seat} has just been sold. Please choose another one."
            raise Refusal("seats_taken", message, 409) from error


def _insert(connection: sqlite3.Connection, order: Order) -> None:
    buyer = order.buyer
    who = (buyer.email, buyer.name, buyer.delivery, int(buyer.synthetic))
    connection.execute(
        "INSERT INTO orders (id, token, status, email, name, delivery, synthetic, card_last4, amount_cents, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (order.id, order.token, order.status, *who, order.card_last4, order.amount_cents, order.created_at),
    )
    for item in order.items:
        connection.execute(
            "INSERT INTO items (order_id, event_id, seat, tier, price_cents, ticket) VALUES (?, ?, ?, ?, ?, ?)",
            (order.id, item.event_id, item.seat, item.tier, item.price_cents, item.ticket),
        )
        claimed = (order.id, item.event_id, item.seat)
        connection.execute("UPDATE sold SET order_id = ? WHERE event_id = ? AND seat = ?", claimed)


def _code(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
