"""The JSON API: events, orders, refunds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prober.demo.catalogue import CURRENCY, EVENTS, SEATS, Event
from prober.demo.parts import Parts, parts_of, read_json, session_of
from prober.demo.payment import Card, Charge, charge
from prober.demo.refusal import Refusal
from prober.demo.shop import Buyer, Order, Pick, find_event
from prober.demo.telemetry import is_synthetic

EMAIL_PATTERN = r"^[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+$"
_Text = Annotated[str, Field(max_length=100)]
_STRICT = ConfigDict(strict=True, extra="forbid")


class _CardFields(BaseModel):
    model_config = _STRICT
    number: _Text
    expiry: _Text
    cvc: _Text


class _Seats(BaseModel):
    model_config = _STRICT
    event_id: _Text
    seats: list[_Text]


class _OrderFields(BaseModel):
    model_config = _STRICT
    items: list[_Seats]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    card: _CardFields
    email: Annotated[str, Field(max_length=254, pattern=EMAIL_PATTERN)] | None = None
    delivery: Literal["e-ticket", "box-office"] = "e-ticket"


def events(request: Request) -> Response:
    """Every event with what is left of it."""
    parts = parts_of(request)
    return JSONResponse({"events": summaries(parts)})


def event(request: Request) -> Response:
    """One event with its seat map."""
    parts = parts_of(request)
    found = find_event(request.path_params["event_id"])
    summary = next(summary for summary in summaries(parts) if summary["id"] == found.id)
    return JSONResponse(summary | {"tiers": _tiers(found), "seats": _seats(found, _gone(parts, found))})


async def order(request: Request) -> Response:
    """Buy: 201 with the order and its token."""
    fields = _parse(await read_json(request))
    return await run_in_threadpool(_order, request, fields)


def find_order(request: Request) -> Response:
    """One order, for whoever holds its token."""
    found = parts_of(request).shop.find(request.path_params["order_id"], _token_of(request))
    return JSONResponse(order_document(found))


async def cancel_order(request: Request) -> Response:
    """Cancel and refund; a second time answers the same."""
    token = _token_of(request)
    if not token:
        body = await read_json(request)
        token = str(body.get("token", "")) if isinstance(body, dict) else ""
    found = await run_in_threadpool(parts_of(request).shop.cancel, request.path_params["order_id"], token)
    return JSONResponse(order_document(found))


def summaries(parts: Parts) -> list[dict[str, Any]]:
    """The events as the API and the storefront list them, the next one first."""
    left = dict.fromkeys(EVENTS, 0) if parts.panel.dials.sold_out else parts.shop.available()
    today = datetime.now(UTC)
    return [
        {
            "id": event.id,
            "title": event.title,
            "category": event.category,
            "venue": event.venue,
            "city": event.city,
            "starts_at": event.starts_at(today).isoformat(),
            "currency": CURRENCY,
            "from_cents": event.from_cents,
            "capacity": len(SEATS),
            "available": left[event.id],
            "sold_out": left[event.id] == 0,
        }
        for event in sorted(EVENTS.values(), key=lambda event: event.days_ahead)
    ]


def order_document(order: Order) -> dict[str, Any]:
    """An order as JSON, without its token."""
    return {
        "id": order.id,
        "status": order.status,
        "amount_cents": order.amount_cents,
        "refunded_cents": order.refunded_cents,
        "currency": CURRENCY,
        "email": order.buyer.email,
        "name": order.buyer.name,
        "delivery": order.buyer.delivery,
        "synthetic": order.buyer.synthetic,
        "created_at": order.created_at,
        "card_last4": order.card_last4,
        "items": [vars(item) for item in order.items],
    }


def _order(request: Request, fields: _OrderFields) -> Response:
    parts = parts_of(request)
    session = session_of(request)
    email = fields.email or (session.email if session else None)
    if email is None:
        raise Refusal("invalid_order", "email: log in or say where the tickets go", 400)
    if parts.panel.dials.sold_out:
        raise Refusal("sold_out", "This event is sold out.", 409)
    picks = [Pick(item.event_id, seat) for item in fields.items for seat in item.seats]
    buyer = Buyer(email, fields.name, fields.delivery, is_synthetic(request.headers))
    order = parts.shop.order(picks, buyer, lambda _: _charge(parts, fields.card))
    parts.telemetry.sale(order)
    if session:
        parts.sessions.take_out(session, picks)
    url = f"/orders/{order.id}?token={order.token}"
    return JSONResponse(order_document(order) | {"token": order.token, "url": url}, 201, headers={"Location": url})


def _charge(parts: Parts, fields: _CardFields) -> Charge:
    dials = parts.panel.dials
    return charge(
        Card(fields.number, fields.expiry, fields.cvc),
        datetime.now(UTC).date(),
        provider_up=dials.service_down != "stripe",
        refuse=dials.payment == "refused",
    )


def _parse(body: object) -> _OrderFields:
    try:
        return _OrderFields.model_validate(body)
    except ValidationError as error:
        # What was typed stays out of the answer: it may be a card number.
        problems = (f"{'.'.join(map(str, fault['loc'])) or 'order'}: {fault['msg']}" for fault in error.errors())
        raise Refusal("invalid_order", "; ".join(problems)[:500], 400) from error


def _token_of(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.query_params.get("token", "")


def _gone(parts: Parts, event: Event) -> frozenset[str]:
    return frozenset(SEATS) if parts.panel.dials.sold_out else parts.shop.sold_seats(event.id)


def _tiers(event: Event) -> list[dict[str, Any]]:
    return [vars(tier) for tier in event.tiers]


def _seats(event: Event, gone: frozenset[str]) -> list[dict[str, Any]]:
    return [
        {"seat": seat, "tier": tier.name, "price_cents": tier.price_cents, "status": "sold" if seat in gone else "free"}
        for seat in SEATS
        for tier in (event.tier_of(seat),)
    ]
