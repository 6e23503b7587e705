"""The pages a visitor sees, rendered on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from prober.demo.accounts import find_account
from prober.demo.api import summaries
from prober.demo.catalogue import EVENTS
from prober.demo.parts import COOKIE, field, parts_of, read_form, session_of
from prober.demo.payment import ACCEPTED_CARD, DECLINED_CARD
from prober.demo.picture import ticket_code
from prober.demo.refusal import Refusal
from prober.demo.sessions import KEPT_FOR_S
from prober.demo.shop import Pick, check_picks, find_event
from prober.demo.telemetry import is_synthetic

STATIC = Path(__file__).parent / "static"


def page(
    request: Request, template: str, context: Mapping[str, Any] | None = None, refusal: Refusal | None = None
) -> Response:
    """A page in the shop's frame; a refusal gives it its status."""
    parts = parts_of(request)
    session = session_of(request)
    frame = {"session": session, "dials": parts.panel.dials, **(context or {})}
    status, headers = (refusal.status, refusal.headers) if refusal else (200, {})
    headers = {"Cache-Control": "no-store", **headers}
    return parts.templates.TemplateResponse(request, template, frame, status, headers)


def storefront(request: Request) -> Response:
    """All events."""
    return page(request, "storefront.html", {"events": summaries(parts_of(request)), "catalogue": EVENTS})


def event(request: Request) -> Response:
    """One event; its seat map is drawn by a script from the API."""
    found = find_event(request.path_params["event_id"])
    summary = next(summary for summary in summaries(parts_of(request)) if summary["id"] == found.id)
    return page(request, "event.html", {"event": found, "summary": summary})


async def hero(request: Request) -> Response:
    """An event's picture, as late as the dial says; never cached, so that every visit measures it."""
    found = find_event(request.path_params["event_id"])
    await asyncio.sleep(parts_of(request).panel.dials.slow_hero_s)
    return FileResponse(STATIC / "events" / f"{found.id}.webp", headers={"Cache-Control": "no-store"})


def cart(request: Request) -> Response:
    """What the visitor has chosen."""
    session = session_of(request)
    return page(request, "cart.html", _cart_context(request, session.cart if session else ()))


async def put_into_cart(request: Request) -> Response:
    """Add an event's seats to the cart."""
    return await run_in_threadpool(_put_into_cart, request, await read_form(request))


async def take_out_of_cart(request: Request) -> Response:
    """Remove one seat from the cart."""
    form = await read_form(request)
    session = await run_in_threadpool(session_of, request)
    if session:
        pick = Pick(field(form, "event_id"), field(form, "seat"))
        await run_in_threadpool(parts_of(request).sessions.take_out, session, [pick])
    return RedirectResponse("/cart", 303)


def checkout(request: Request) -> Response:
    """Delivery and payment: two client-side routes of one document."""
    session = session_of(request)
    if session is None or not session.cart:
        return RedirectResponse("/cart", 303)
    if session.email is None:
        return RedirectResponse("/login?next=/checkout", 303)
    parts_of(request).sessions.touch(session)
    account = find_account(session.email)
    cards = {"accepted": ACCEPTED_CARD, "declined": DECLINED_CARD}
    items = [{"event_id": pick.event_id, "seats": [pick.seat]} for pick in session.cart]
    context = {"name": account.name if account else "", "cards": cards, "items": items}
    context |= _cart_context(request, session.cart)
    return page(request, "checkout.html", context)


def order(request: Request) -> Response:
    """The confirmation, or what became of the order since."""
    found = parts_of(request).shop.find(request.path_params["order_id"], request.query_params.get("token", ""))
    codes = {item.ticket: ticket_code(item.ticket) for item in found.items}
    return page(request, "order.html", {"order": found, "codes": codes, "catalogue": EVENTS})


async def cancel_order(request: Request) -> Response:
    """Cancel by the button on the confirmation page."""
    token = field(await read_form(request), "token")
    found = await run_in_threadpool(parts_of(request).shop.cancel, request.path_params["order_id"], token)
    return RedirectResponse(f"/orders/{found.id}?token={found.token}", 303)


def account(request: Request) -> Response:
    """A customer's own page."""
    session = session_of(request)
    if session is None or session.email is None or not session.account:
        return RedirectResponse("/login?next=/account", 303)
    parts = parts_of(request)
    parts.sessions.touch(session)
    context = {"customer": find_account(session.email), "orders": parts.shop.orders_of(session.email)}
    return page(request, "account.html", context)


def _put_into_cart(request: Request, form: dict[str, list[str]]) -> Response:
    sessions = parts_of(request).sessions
    session = session_of(request)
    picks = [Pick(field(form, "event_id"), seat) for seat in form.get("seat", [])]
    check_picks(list({*picks, *(session.cart if session else ())}))
    response = RedirectResponse("/cart", 303)
    if session is None:
        session = sessions.start(None, synthetic=is_synthetic(request.headers))
        response.set_cookie(COOKIE, session.id, max_age=int(KEPT_FOR_S), httponly=True, samesite="lax")
    sessions.put(session, picks)
    sessions.touch(session)
    return response


def _cart_context(request: Request, picks: tuple[Pick, ...]) -> dict[str, Any]:
    shop = parts_of(request).shop
    today = datetime.now(UTC)
    lines = [
        {
            "event": event,
            "seat": pick.seat,
            "tier": event.tier_of(pick.seat),
            "starts_at": event.starts_at(today),
            "gone": pick.seat in shop.sold_seats(event.id),
        }
        for pick in picks
        for event in (EVENTS[pick.event_id],)
    ]
    total_cents = sum(EVENTS[pick.event_id].tier_of(pick.seat).price_cents for pick in picks)
    return {"lines": lines, "total_cents": total_cents, "gone": [line["seat"] for line in lines if line["gone"]]}
