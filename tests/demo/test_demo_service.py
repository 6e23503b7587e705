"""The shop over a real socket: its API, its operators' routes, its dials."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from prober.demo.accounts import totp

Json = dict[str, Any]
LOGIN = {"email": "demo@eventchain.example", "password": "tickets-please"}
MFA = {"email": "mfa@eventchain.example", "password": "tickets-please-twice"}
MFA_KEY = "EVENTCHAINDEMOTOTPSEED23"


def sample(client: httpx.Client, name: str, **labels: str) -> float | None:
    families = text_string_to_metric_families(client.get("/metrics").text)
    found = [s.value for family in families for s in family.samples if s.name == name and s.labels == labels]
    return found[0] if found else None


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def test_the_storefront_sells_tickets(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "Tickets" in page.text
    for event in client.get("/api/events").json()["events"]:
        assert f"/events/{event['id']}" in page.text
        assert client.get(f"/events/{event['id']}").status_code == 200


def test_a_bought_order_shows_its_amount_seats_and_tickets(client: httpx.Client, wish: Json) -> None:
    response = client.post("/api/orders", json=wish)
    order = response.json()
    assert response.status_code == 201
    assert re.fullmatch(r"EC-[A-Z2-7]{8}", order["id"])
    assert (order["amount_cents"], order["currency"], order["status"]) == (9800, "EUR", "paid")
    assert [item["seat"] for item in order["items"]] == ["F6", "F7"]
    seen = client.get(f"/api/orders/{order['id']}", headers={"Authorization": f"Bearer {order['token']}"}).json()
    assert seen == {key: value for key, value in order.items() if key not in {"token", "url"}}
    page = client.get(order["url"]).text
    assert order["id"] in page
    assert "€98.00" in page


def test_an_order_without_its_token_is_not_found(client: httpx.Client, wish: Json) -> None:
    order = client.post("/api/orders", json=wish).json()
    assert error_of(client.get(f"/api/orders/{order['id']}")) == (404, "order_not_found")
    assert error_of(client.get(f"/api/orders/{order['id']}?token=guess")) == (404, "order_not_found")
    assert client.get(f"/orders/{order['id']}?token=guess").status_code == 404


@pytest.mark.parametrize("verb", ["refund", "cancel"])
def test_a_refund_frees_the_seats_and_may_be_asked_for_twice(client: httpx.Client, wish: Json, verb: str) -> None:
    order = client.post("/api/orders", json=wish).json()
    path = f"/api/orders/{order['id']}/{verb}"
    assert error_of(client.post(path, json={"token": "guess"})) == (404, "order_not_found")
    for _ in range(2):
        refunded = client.post(path, json={"token": order["token"]}).json()
        assert (refunded["status"], refunded["refunded_cents"]) == ("cancelled", 9800)
    assert client.post("/api/orders", json=wish).status_code == 201


def test_a_taken_seat_is_a_conflict(client: httpx.Client, wish: Json) -> None:
    client.post("/api/orders", json=wish)
    assert error_of(client.post("/api/orders", json=wish)) == (409, "seats_taken")


def test_twenty_buyers_at_once_get_each_seat_once(client: httpx.Client, wish: Json) -> None:
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: client.post("/api/orders", json=wish).status_code, range(20)))
    assert sorted(statuses) == [201] + [409] * 19


@pytest.mark.parametrize(
    "change",
    [
        {"items": []},
        {"items": [{"event_id": "x", "seats": ["F6"]}]},
        {"name": ""},
        {"email": "nobody"},
        {"email": None},
        {"card": None},
        {"delivery": "owl"},
        {"price_cents": 1},
    ],
    ids=repr,
)
def test_a_malformed_order_is_refused_with_a_reason(lasting_client: httpx.Client, wish: Json, change: Json) -> None:
    response = lasting_client.post("/api/orders", json=wish | change)
    assert response.status_code in {400, 404}
    assert response.json()["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 20000, b'{"a": "\\ud800"}'])
@pytest.mark.parametrize("path", ["/api/orders", "/dials", "/auth/login", "/api/orders/EC-X/refund"])
def test_no_body_breaks_the_shop(lasting_client: httpx.Client, path: str, body: bytes) -> None:
    response = lasting_client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 401, 404}
    assert response.json()["error"]


def test_a_body_without_end_is_cut_off(lasting_client: httpx.Client) -> None:
    assert error_of(lasting_client.post("/api/orders", content=b"[" + b"0," * 50_000)) == (413, "too_large")


def test_a_refused_order_never_repeats_the_card_number(lasting_client: httpx.Client, wish: Json) -> None:
    wish["card"] = "4242424242424242"
    assert "4242" not in lasting_client.post("/api/orders", json=wish).text


def test_health_has_the_shape_of_the_monitoring_document(client: httpx.Client) -> None:
    health = client.get("/health").json()
    assert health.keys() == {"status", "timestamp", "uptime", "memory", "services"}
    assert health["status"] == "ok"
    assert health["services"] == dict.fromkeys(("database", "redis", "stripe"), "connected")
    assert health["memory"]["rss"] > 0


@pytest.mark.parametrize("service", ["database", "redis", "stripe"])
def test_a_service_that_is_down_degrades_health(client: httpx.Client, service: str) -> None:
    client.post("/dials", json={"service_down": service})
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json()["status"] == "degraded"
    assert [name for name, state in response.json()["services"].items() if state == "disconnected"] == [service]
    client.post("/dials", json={"service_down": None})
    assert client.get("/health").status_code == 200


def test_detailed_health_tells_each_service_apart(client: httpx.Client) -> None:
    client.post("/dials", json={"service_down": "database"})
    response = client.get("/health/detailed")
    assert response.status_code == 200
    detailed = response.json()
    assert detailed.keys() == {"application", "system", "database", "redis", "external"}
    assert detailed["application"]["name"] == "EventChain Backend"
    assert (detailed["database"]["status"], detailed["redis"]["status"]) == ("disconnected", "connected")


def test_metrics_carry_the_documents_names_labels_and_buckets(client: httpx.Client, wish: Json) -> None:
    client.get("/events/aurora-symphony")
    client.get("/no/such/page")
    client.post("/api/orders", json=wish)
    labels = {"method": "GET", "route": "/events/{event_id}", "status_code": "200"}
    assert sample(client, "http_requests_total", **labels) == 1
    assert sample(client, "http_request_duration_seconds_count", **labels) == 1
    for bound in ("0.1", "0.3", "0.5", "0.7", "1.0", "3.0", "5.0", "7.0", "10.0", "+Inf"):
        assert sample(client, "http_request_duration_seconds_bucket", **labels, le=bound) is not None
    assert sample(client, "http_requests_total", method="GET", route="unmatched", status_code="404") == 1
    assert sample(client, "ticket_sales_total", event_id="aurora-symphony", tier="standard") == 2
    assert sample(client, "ticket_sales_revenue_total") == 98
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")


@pytest.mark.parametrize(
    "headers", [{"X-Synthetic-Check": "purchase"}, {"User-Agent": "Mozilla/5.0 prober/0.1.0 (+https://example.com)"}]
)
def test_a_synthetic_order_is_flagged_and_is_no_sale(client: httpx.Client, wish: Json, headers: Json) -> None:
    order = client.post("/api/orders", json=wish, headers=headers).json()
    assert order["synthetic"] is True
    assert sample(client, "ticket_sales_total", event_id="aurora-symphony", tier="standard") is None
    assert sample(client, "ticket_sales_revenue_total") == 0


def test_active_users_are_people_not_monitors(client: httpx.Client, shop_url: str) -> None:
    assert sample(client, "active_users_current") == 0
    client.post("/auth/login", json=LOGIN)
    with httpx.Client(base_url=shop_url, headers={"X-Synthetic-Check": "login"}) as monitor:
        monitor.post("/auth/login", json=LOGIN)
    assert sample(client, "active_users_current") == 1


def test_every_answer_carries_helmets_headers(lasting_client: httpx.Client) -> None:
    for path in ("/", "/api/events", "/static/shop.css", "/nowhere", "/health"):
        headers = lasting_client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; style-src 'self' 'unsafe-inline'")
        assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains; preload"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"


def test_wrong_credentials_are_401_and_repeated_ones_429(client: httpx.Client) -> None:
    wrong = LOGIN | {"password": "guess"}
    for _ in range(5):
        assert error_of(client.post("/auth/login", json=wrong)) == (401, "invalid_credentials")
    blocked = client.post("/auth/login", json=LOGIN)
    assert error_of(blocked) == (429, "rate_limited")
    assert 1 <= int(blocked.headers["retry-after"]) <= 60
    assert client.post("/auth/login", data=LOGIN).status_code == 429
    assert client.post("/auth/login", json=LOGIN | {"email": "other@example.com"}).status_code == 401


def test_a_good_login_opens_the_account(client: httpx.Client) -> None:
    assert client.get("/account").headers["location"] == "/login?next=/account"
    answer = client.post("/auth/login", json=LOGIN)
    assert answer.json() == {"status": "ok", "email": LOGIN["email"], "name": "Demo Customer"}
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert LOGIN["email"] in client.get("/account").text
    client.post("/auth/logout")
    assert client.get("/account").status_code == 303


def test_the_second_factor_is_asked_for_and_checked(client: httpx.Client) -> None:
    assert error_of(client.post("/auth/login", json=MFA)) == (401, "code_required")
    assert error_of(client.post("/auth/login", json=MFA | {"code": "000000"}))[0] == 401
    assert client.get("/account").status_code == 303
    code = totp(MFA_KEY, time.time())
    assert client.post("/auth/login", json=MFA | {"code": code}).status_code == 200


def test_the_password_alone_does_not_open_an_account_with_a_second_factor(client: httpx.Client) -> None:
    answer = client.post("/auth/login", data=MFA | {"next": "/account"})
    assert answer.headers["location"] == "/login/code?next=/account"
    assert client.get("/account").status_code == 303
    assert client.post("/auth/code", data={"code": "12"}).status_code == 401
    answer = client.post("/auth/code", data={"code": totp(MFA_KEY, time.time()), "next": "/account"})
    assert answer.headers["location"] == "/account"
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_a_login_never_leads_to_another_site(client: httpx.Client, wanted: str) -> None:
    assert client.post("/auth/login", data=LOGIN | {"next": wanted}).headers["location"] == "/account"


def test_a_login_changes_the_session_and_keeps_the_cart(client: httpx.Client) -> None:
    client.post("/cart", data={"event_id": "aurora-symphony", "seat": ["F6", "F7"]})
    before = client.cookies["eventchain_session"]
    client.post("/auth/login", json=LOGIN)
    assert client.cookies["eventchain_session"] != before
    assert "€98.00" in client.get("/cart").text


def test_the_cart_tells_when_a_seat_was_sold_meanwhile(client: httpx.Client, shop_url: str, wish: Json) -> None:
    client.post("/cart", data={"event_id": "aurora-symphony", "seat": "F6"})
    httpx.post(f"{shop_url}/api/orders", json=wish)
    assert "Seat F6 has just been sold" in client.get("/cart").text
    client.post("/cart/remove", data={"event_id": "aurora-symphony", "seat": "F6"})
    assert "Nothing in here yet" in client.get("/cart").text


def test_what_a_buyer_types_is_shown_as_text(client: httpx.Client, wish: Json) -> None:
    wish["email"] = "<img/src=x>@example.com"
    order = client.post("/api/orders", json=wish).json()
    assert "<img/src=x>" not in client.get(order["url"]).text


def test_the_dials_begin_healthy_merge_and_reset(client: httpx.Client) -> None:
    healthy = client.get("/dials").json()
    assert healthy == {
        "latency_s": {},
        "error_rate": 0.0,
        "service_down": None,
        "slow_hero_s": 0.0,
        "layout_shift": False,
        "slow_click_s": 0.0,
        "payment": "ok",
        "sold_out": False,
        "hang": False,
    }
    client.post("/dials", json={"error_rate": 0.5})
    turned = client.post("/dials", json={"sold_out": True, "latency_s": {"/events/{event_id}": 1}}).json()
    assert turned == healthy | {"error_rate": 0.5, "sold_out": True, "latency_s": {"/events/{event_id}": 1.0}}
    assert client.post("/dials", json={"error_rate": None}).json()["error_rate"] == 0
    assert client.delete("/dials").json() == client.get("/dials").json() == healthy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eror_rate": 1}, "unknown dial 'eror_rate'"),
        ({"eror_rate": None}, "unknown dial 'eror_rate'"),
        ({"error_rate": 1.5}, "error_rate"),
        ({"error_rate": "1"}, "error_rate"),
        ({"error_rate": True}, "error_rate"),
        ({"error_rate": 10**400}, "error_rate"),
        ({"slow_hero_s": -1}, "slow_hero_s"),
        ({"layout_shift": 1}, "layout_shift"),
        ({"service_down": "mysql"}, "service_down"),
        ({"payment": "maybe"}, "payment"),
        ({"latency_s": {"/": "slow"}}, "latency_s./"),
        ({"latency_s": {"/nowhere": 1}}, "no route /nowhere"),
        ({"latency_s": 1}, "latency_s"),
        ([], "JSON object"),
    ],
)
def test_a_wrong_dial_is_refused_and_changes_nothing(lasting_client: httpx.Client, change: Any, message: str) -> None:
    before = lasting_client.get("/dials").json()
    valid_too = {"hang": True, **change} if isinstance(change, dict) else change
    response = lasting_client.post("/dials", json=valid_too)
    assert response.status_code == 400
    assert message in response.json()["message"]
    assert lasting_client.get("/dials").json() == before


def test_a_slow_route_is_slow_and_holds_nobody_else_up(client: httpx.Client, shop_url: str) -> None:
    client.post("/dials", json={"latency_s": {"/events/{event_id}": 0.6, "/api/events": 0.3}})
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx.get, f"{shop_url}/events/paper-moons")
        assert client.get("/").elapsed.total_seconds() < 0.3
        assert slow.result().elapsed.total_seconds() >= 0.6
    assert 0.3 <= client.get("/api/events").elapsed.total_seconds() < 0.6


def test_latency_may_be_set_for_one_path_alone(client: httpx.Client) -> None:
    client.post("/dials", json={"latency_s": {"/events/paper-moons": 0.3}})
    assert client.get("/events/paper-moons").elapsed.total_seconds() >= 0.3
    assert client.get("/events/neon-harbour").elapsed.total_seconds() < 0.3


def test_an_error_rate_fails_that_share_of_pages_and_spares_the_operators(client: httpx.Client) -> None:
    client.post("/dials", json={"error_rate": 0.5})
    failed = sum(client.get("/api/events").status_code == 500 for _ in range(300))
    assert 90 < failed < 210
    client.post("/dials", json={"error_rate": 1})
    assert client.get("/").status_code == client.get("/api/events").status_code == 500
    for path in ("/health", "/metrics", "/dials", "/static/shop.css"):
        assert client.get(path).status_code == 200


def test_payments_fail_while_refused_or_while_stripe_is_away(client: httpx.Client, wish: Json) -> None:
    client.post("/dials", json={"payment": "refused"})
    assert error_of(client.post("/api/orders", json=wish)) == (402, "card_declined")
    client.post("/dials", json={"payment": "ok", "service_down": "stripe"})
    assert error_of(client.post("/api/orders", json=wish)) == (503, "payment_unavailable")
    client.delete("/dials")
    assert client.post("/api/orders", json=wish).status_code == 201


def test_a_sold_out_shop_sells_nothing(client: httpx.Client, wish: Json) -> None:
    client.post("/dials", json={"sold_out": True})
    assert error_of(client.post("/api/orders", json=wish)) == (409, "sold_out")
    event = client.get("/api/events/aurora-symphony").json()
    assert (event["available"], event["sold_out"]) == (0, True)
    assert {seat["status"] for seat in event["seats"]} == {"sold"}
    assert "Sold out" in client.get("/events/aurora-symphony").text


def test_a_slow_hero_delays_its_bytes_and_not_its_page(client: httpx.Client) -> None:
    client.post("/dials", json={"slow_hero_s": 0.4})
    assert client.get("/events/paper-moons").elapsed.total_seconds() < 0.4
    hero = client.get("/images/paper-moons.webp")
    assert hero.elapsed.total_seconds() >= 0.4
    assert hero.headers["content-type"] == "image/webp"


@pytest.mark.parametrize("path", ["/events/none", "/images/none.webp", "/orders/none", "/static/none", "/%ff", "/a//b"])
def test_what_is_not_there_is_404(lasting_client: httpx.Client, path: str) -> None:
    assert lasting_client.get(path).status_code == 404


def test_a_wrong_method_is_405_and_head_works(lasting_client: httpx.Client) -> None:
    answer = lasting_client.put("/dials")
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    assert lasting_client.head("/").status_code == 200
