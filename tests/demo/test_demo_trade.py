"""Seats, money and second factors, without a server."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from prober.demo.accounts import ACCOUNTS, authenticate, code_fits, totp
from prober.demo.catalogue import EVENTS, SEATS, reserved_seats
from prober.demo.database import Database
from prober.demo.guard import Allowance
from prober.demo.payment import ACCEPTED_CARD, Card, Charge, charge, luhn_valid
from prober.demo.picture import ticket_code
from prober.demo.refusal import Refusal
from prober.demo.shop import Buyer, Order, Pick, Shop

TODAY = date(2026, 5, 17)
BUYER = Buyer("ada@example.com", "Ada")
PICKS = [Pick("aurora-symphony", "F6"), Pick("aurora-symphony", "F7")]


def paid(_: int) -> Charge:
    return Charge("4242")


def refused(_: int) -> Charge:
    raise Refusal("card_declined", "Your card was declined.", 402)


def code_of(number: str = ACCEPTED_CARD, expiry: str = "12/34", cvc: str = "123", refuse: bool = False) -> str:
    try:
        charge(Card(number, expiry, cvc), TODAY, provider_up=True, refuse=refuse)
    except Refusal as refusal:
        return refusal.code
    return "ok"


def buy_at_once(shops: list[Shop], picks: list[list[Pick]]) -> list[Order | str]:
    gate = threading.Barrier(len(picks))

    def buy(number: int) -> Order | str:
        gate.wait()
        try:
            return shops[number % len(shops)].order(picks[number], BUYER, paid)
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(len(picks)) as pool:
        return list(pool.map(buy, range(len(picks))))


def test_of_many_buyers_of_one_seat_at_once_exactly_one_gets_it() -> None:
    outcomes = buy_at_once([Shop(Database())], [[PICKS[0]]] * 24)
    assert len([outcome for outcome in outcomes if isinstance(outcome, Order)]) == 1
    assert outcomes.count("seats_taken") == 23


def test_shops_that_share_a_file_never_sell_a_seat_twice(tmp_path: Path) -> None:
    shops = [Shop(Database(tmp_path / "shop.db")) for _ in range(4)]
    rows = [[Pick("neon-harbour", f"F{seat}"), Pick("neon-harbour", f"F{seat + 1}")] for seat in (5, 6, 7)] * 8
    outcomes = buy_at_once(shops, rows)
    sold = [item.seat for order in outcomes if isinstance(order, Order) for item in order.items]
    assert sold
    assert len(sold) == len(set(sold))


def test_an_order_with_one_taken_seat_takes_none() -> None:
    shop = Shop(Database())
    shop.order(PICKS[1:], BUYER, paid)
    with pytest.raises(Refusal, match="Seat F7 has just been sold"):
        shop.order(PICKS, BUYER, paid)
    assert "F6" not in shop.sold_seats("aurora-symphony")


def test_a_refused_card_leaves_no_order_and_no_seat_taken() -> None:
    shop = Shop(Database())
    before = shop.sold_seats("aurora-symphony")
    with pytest.raises(Refusal, match="declined"):
        shop.order(PICKS, BUYER, refused)
    assert shop.sold_seats("aurora-symphony") == before
    assert shop.orders_of(BUYER.email) == []


def test_a_taken_seat_is_never_charged() -> None:
    shop = Shop(Database())
    shop.order(PICKS, BUYER, paid)
    with pytest.raises(Refusal) as caught:
        shop.order(PICKS, BUYER, refused)
    assert caught.value.code == "seats_taken"


def test_prices_are_whole_cents_and_add_up() -> None:
    order = Shop(Database()).order(PICKS, BUYER, paid)
    assert order.amount_cents == 9800 == sum(item.price_cents for item in order.items)


def test_cancelling_frees_the_seats_and_refunds_once() -> None:
    shop = Shop(Database())
    order = shop.order(PICKS, BUYER, paid)
    cancelled = shop.cancel(order.id, order.token)
    assert (cancelled.status, cancelled.refunded_cents) == ("cancelled", 9800)
    other = shop.order(PICKS, BUYER, paid)
    assert shop.cancel(order.id, order.token) == cancelled
    assert shop.sold_seats("aurora-symphony") >= {"F6", "F7"}
    assert shop.find(other.id, other.token).status == "paid"


def test_an_order_opens_only_with_its_own_token() -> None:
    shop = Shop(Database())
    order = shop.order(PICKS, BUYER, paid)
    assert shop.find(order.id, order.token) == order
    for order_id, token in ((order.id, ""), (order.id, "other"), ("EC-NONE", order.token)):
        with pytest.raises(Refusal, match="no such order"):
            shop.cancel(order_id, token)


def test_an_order_survives_a_restart_of_the_shop(tmp_path: Path) -> None:
    database = Database(tmp_path / "shop.db")
    order = Shop(database).order(PICKS, BUYER, paid)
    database.close()
    assert Shop(Database(tmp_path / "shop.db")).find(order.id, order.token) == order


@pytest.mark.parametrize(
    "picks",
    [
        [],
        [PICKS[0]] * 2,
        [Pick("aurora-symphony", "Z9")],
        [Pick("no-event", "F6")],
        [Pick("aurora-symphony", seat) for seat in SEATS[:11]],
    ],
    ids=["none", "twice", "no such seat", "no such event", "too many"],
)
def test_an_order_that_makes_no_sense_is_refused(picks: list[Pick]) -> None:
    with pytest.raises(Refusal):
        Shop(Database()).order(picks, BUYER, paid)


def test_every_event_opens_with_some_seats_sold_and_the_documented_ones_free() -> None:
    for event in EVENTS.values():
        reserved = set(reserved_seats(event))
        assert 5 < len(reserved) < 40
        assert not reserved & {"A5", "A6", "F5", "F6", "F7", "F8"}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4242424242424242", "ok"),
        ("4242-4242-4242-4242", "ok"),
        ("4000 0000 0000 0002", "card_declined"),
        ("4000 0000 0000 9995", "insufficient_funds"),
        ("4242 4242 4242 4241", "card_invalid"),
        ("5555 5555 5555 4444", "test_card_required"),
        ("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "card_invalid"),
        ("", "card_invalid"),
    ],
)
def test_a_card_number_meets_its_fate(number: str, code: str) -> None:
    assert code_of(number=number) == code


def test_a_card_is_good_through_the_month_it_expires_in() -> None:
    assert code_of(expiry="05/26") == "ok"
    assert code_of(expiry="04/26") == "card_expired"
    assert code_of(expiry="13/34") == "card_invalid"
    assert code_of(cvc="12") == "card_invalid"


def test_the_payment_dial_refuses_a_good_card() -> None:
    assert code_of(refuse=True) == "card_declined"


def test_a_card_never_shows_in_its_own_repr() -> None:
    assert "4242" not in repr(Card(ACCEPTED_CARD, "12/34", "123"))


def test_luhn_tells_a_swapped_digit() -> None:
    assert luhn_valid("79927398713")
    assert not luhn_valid("79927398731")


@pytest.mark.parametrize(("at_s", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_totp_answers_as_the_vectors_of_rfc_6238_do(at_s: int, code: str) -> None:
    assert totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", at_s) == code


def test_a_code_is_good_one_step_early_or_late_and_no_longer() -> None:
    account = ACCOUNTS[1]
    assert account.totp_key
    code = totp(account.totp_key, 1_000_000)
    assert [code_fits(account, code, 1_000_000 + drift_s) for drift_s in (-60, -30, 0, 30, 60)] == [0, 1, 1, 1, 0]


def test_an_account_opens_with_its_own_password_only() -> None:
    assert authenticate(" Demo@EventChain.example ", "tickets-please") == ACCOUNTS[0]
    assert authenticate("demo@eventchain.example", "tickets-please-twice") is None
    assert authenticate("nobody@eventchain.example", "tickets-please") is None


def test_an_allowance_refuses_when_spent_and_returns_with_its_window() -> None:
    now = [100.0]
    allowance = Allowance(2, 60, now=lambda: now[0])
    for _ in range(2):
        allowance.check("a")
        allowance.spend("a")
    now[0] = 130.5
    with pytest.raises(Refusal) as caught:
        allowance.check("a")
    assert caught.value.headers == {"Retry-After": "30"}
    allowance.check("b")
    now[0] = 160.0
    allowance.check("a")


def test_a_ticket_code_is_the_same_every_time_and_another_for_another_ticket() -> None:
    assert ticket_code("EC-1") == ticket_code("EC-1") != ticket_code("EC-2")
