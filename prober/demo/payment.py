"""A card processor for test cards only, with Stripe's public test numbers (https://docs.stripe.com/testing)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from prober.demo.refusal import Refusal

ACCEPTED_CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
POOR_CARD = "4000 0000 0000 9995"


class Charge(NamedTuple):
    """An accepted payment: all the shop may keep of a card."""

    card_last4: str


@dataclass(frozen=True, repr=False)
class Card:
    """What a buyer typed."""

    number: str
    expiry: str
    cvc: str


def charge(card: Card, today: date, *, provider_up: bool, refuse: bool) -> Charge:
    """Charge a test card. Raises `Refusal` when it is mistyped, expired, declined or the provider is down."""
    if not provider_up:
        raise Refusal("payment_unavailable", "Payments are not available right now. Please try again later.", 503)
    number = re.sub(r"[ -]", "", card.number)
    _check_form(number, card, today)
    if refuse or number == _digits(DECLINED_CARD):
        raise Refusal("card_declined", "Your card was declined.", 402)
    if number == _digits(POOR_CARD):
        raise Refusal("insufficient_funds", "Your card was declined: insufficient funds.", 402)
    if number != _digits(ACCEPTED_CARD):
        raise Refusal("test_card_required", "This demo takes test cards only. Never enter a real card.", 402)
    return Charge(number[-4:])


def luhn_valid(number: str) -> bool:
    """The check digit of ISO/IEC 7812-1 (Luhn's formula) over a string of digits."""
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(number)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _check_form(number: str, card: Card, today: date) -> None:
    if not re.fullmatch(r"[0-9]{13,19}", number) or not luhn_valid(number):
        raise Refusal("card_invalid", "Your card number is not valid.", 402)
    if not re.fullmatch(r"[0-9]{3,4}", card.cvc):
        raise Refusal("card_invalid", "Your card's security code is not valid.", 402)
    expiry = re.fullmatch(r"(0[1-9]|1[0-2]) ?/ ?([0-9]{2})", card.expiry)
    if expiry is None:
        raise Refusal("card_invalid", "Your card's expiry date must look like 12/34.", 402)
    if (2000 + int(expiry[2]), int(expiry[1])) < (today.year, today.month):
        raise Refusal("card_expired", "Your card has expired.", 402)


def _digits(card_number: str) -> str:
    return card_number.replace(" ", "")
