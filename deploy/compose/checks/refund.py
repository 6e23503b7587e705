"""Buys a ticket over the EventChain API, refunds it, and makes sure of both: no browser needed.

    prober run checks/refund.py
    prober run checks/refund.py --set event=neon-harbour

The shop must know the test card, and leave orders out of its sales whose User-Agent contains "prober/".
"""

import os
from typing import Any

from httpx import AsyncClient
from pydantic import BaseModel

from prober import journey, measure, step

SHOP = os.environ.get("EVENTCHAIN_URL", "http://127.0.0.1:8000").rstrip("/")
CARD = {"number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123"}


class RefundParams(BaseModel):
    event: str = "paper-moons"
    email: str = "synthetic@eventchain.example"


@journey(id="refund", title="Buy and refund by API", timeout="30s", interval="10m", tags=["api"])
async def refund(http: AsyncClient, params: RefundParams) -> None:
    order: dict[str, Any] = {}
    try:
        async with step("Find a free seat"):
            answer = await http.get(f"{SHOP}/api/events/{params.event}")
            answer.raise_for_status()
            free = [seat for seat in answer.json()["seats"] if seat["status"] == "free"]
            assert free, f"{params.event} is sold out"
            # From the back, where real buyers choose last.
            seat = free[-1]

        async with step("Buy it"):
            item = {"event_id": params.event, "seats": [seat["seat"]]}
            buyer = {"email": params.email, "name": "Synthetic Buyer", "delivery": "e-ticket"}
            answer = await http.post(f"{SHOP}/api/orders", json={"items": [item], **buyer, "card": CARD})
            assert answer.status_code == 201, f"the order was refused: {answer.status_code} {answer.text[:200]}"
            order = answer.json()
            assert order["status"] == "paid", f"the order is {order['status']}"
            assert order["amount_cents"] == seat["price_cents"], "the price is not the seat's"
    finally:
        # In any case: a synthetic buyer must not keep anyone from a seat.
        if order:
            async with step("Refund it", always=True):
                address, proof = f"{SHOP}/api/orders/{order['id']}", {"Authorization": f"Bearer {order['token']}"}
                answer = await http.post(f"{address}/refund", headers=proof)
                answer.raise_for_status()
                seen = (await http.get(address, headers=proof)).json()
                assert seen["status"] == "cancelled", f"the order is {seen['status']}"
                assert seen["refunded_cents"] == order["amount_cents"], "not all of it was refunded"

    measure("refunded", order["amount_cents"] / 100, unit="EUR")
