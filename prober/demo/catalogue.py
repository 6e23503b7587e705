"""What the shop sells: events, their price tiers and their seats. Prices are integer cents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256

ROWS = "ABCDEFGH"
SEATS_PER_ROW = 12
CURRENCY = "EUR"
_RESERVED_SHARE = 0.2
_ALWAYS_FREE = frozenset({"A5", "A6", "F5", "F6", "F7", "F8"})


@dataclass(frozen=True)
class Tier:
    """A price for some rows."""

    name: str
    label: str
    price_cents: int
    rows: str


@dataclass(frozen=True)
class Event:
    """One evening in one hall; `days_ahead` keeps it in the future however long the shop stands."""

    id: str
    title: str
    category: str
    venue: str
    city: str
    blurb: str
    days_ahead: int
    tiers: tuple[Tier, ...]

    def starts_at(self, today: datetime) -> datetime:
        """When the doors open, counted from `today`, in UTC."""
        return datetime.combine(today.date() + timedelta(days=self.days_ahead), time(19, 30), UTC)

    def tier_of(self, seat: str) -> Tier:
        """The tier of a seat. Raises `KeyError` for a seat this hall does not have."""
        if seat not in SEATS:
            raise KeyError(seat)
        return next(tier for tier in self.tiers if seat[0] in tier.rows)

    @property
    def from_cents(self) -> int:
        """The cheapest ticket."""
        return min(tier.price_cents for tier in self.tiers)


SEATS: tuple[str, ...] = tuple(f"{row}{number}" for row in ROWS for number in range(1, SEATS_PER_ROW + 1))


def reserved_seats(event: Event) -> list[str]:
    """The seats the box office sold before the web shop opened; the same ones every time."""
    return [seat for seat in SEATS if seat not in _ALWAYS_FREE and _chance(event.id, seat) < _RESERVED_SHARE]


def _chance(event_id: str, seat: str) -> float:
    return int.from_bytes(sha256(f"{event_id}/{seat}".encode()).digest()[:4]) / 2**32


def _tiers(vip_cents: int, premium_cents: int, standard_cents: int) -> tuple[Tier, ...]:
    return (
        Tier("vip", "VIP", vip_cents, "AB"),
        Tier("premium", "Premium", premium_cents, "CDE"),
        Tier("standard", "Standard", standard_cents, "FGH"),
    )


EVENTS: dict[str, Event] = {
    event.id: event
    for event in (
        Event(
            "aurora-symphony",
            "Aurora Symphony",
            "Orchestra",
            "Northlight Hall",
            "Tromsø",
            "Ninety musicians under a ceiling of moving light. Sibelius, Grieg, and a first performance written for "
            "this night, played in a hall with a glass roof while the sky does the rest.",
            19,
            _tiers(14500, 7900, 4900),
        ),
        Event(
            "neon-harbour",
            "Neon Harbour",
            "Electronic",
            "Dock 9",
            "Rotterdam",
            "Three stages between the cranes, one skyline turned into an instrument. Live electronics from dusk until "
            "the first ferry leaves.",
            26,
            _tiers(12900, 8900, 5900),
        ),
        Event(
            "velvet-room",
            "The Velvet Room",
            "Jazz",
            "Cellar on Third",
            "Lisbon",
            "A quintet, a single spotlight and no amplification. Two sets, with a break long enough to talk.",
            8,
            _tiers(9500, 6500, 3900),
        ),
        Event(
            "paper-moons",
            "Paper Moons",
            "Theatre",
            "The Lantern House",
            "Ghent",
            "A play for six actors and four hundred sheets of paper: cities are folded, oceans are torn, and the moon "
            "comes out of an envelope.",
            33,
            _tiers(8900, 5900, 3500),
        ),
        Event(
            "granite-coast",
            "Granite Coast",
            "Film with live score",
            "Harbour Cinema",
            "Brest",
            "One year on a lighthouse, filmed in seventy minutes, with a string octet playing the weather.",
            41,
            _tiers(7900, 5500, 3200),
        ),
        Event(
            "harbour-derby",
            "Harbour Derby",
            "Football",
            "Eastgate Ground",
            "Hamburg",
            "Two clubs, one river, and ninety minutes that the city talks about until spring.",
            15,
            _tiers(16500, 9900, 5500),
        ),
    )
}
