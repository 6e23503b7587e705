"""Who is let in, on which address, for which route; and what a client says about itself that is not believed."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest
from fakes.door import ALL_INTERFACES, LOOPBACK, PASSWORD, SCOPES, TOKENS, Served, auth, bearer, served, view, web
from starlette.routing import Mount, Route

from prober.clock import MovedClock
from prober.faults import UserFault
from prober.web import Row, create_app
from prober.web.api import OPERATIONS, ROOT
from prober.web.auth import Access


@pytest.fixture(scope="module")
def closed() -> Iterator[Served]:
    """With auth, where nobody but this machine could ask anyway."""
    with served(web(auth=auth())) as side:
        yield side


@pytest.fixture(scope="module")
def local() -> Iterator[Served]:
    """Without auth, over loopback."""
    with served() as side:
        yield side


@pytest.fixture(scope="module", params=[None, auth()], ids=["without auth", "with auth"])
def public(request: pytest.FixtureRequest) -> Iterator[Served]:
    """On all interfaces."""
    with served(web(auth=request.param), ALL_INTERFACES) as side:
        yield side


OPEN, KNOWN = "open", "known"
TAKES = {
    ("GET", "/"): "read",
    ("GET", "/events"): "read",
    ("GET", "/health"): "read",
    ("GET", "/checks/{check_id}"): "read",
    ("POST", "/checks/{check_id}/run"): "run",
    ("POST", "/checks/{check_id}/silence"): "ack",
    ("GET", "/runs/{run_id}"): "read",
    ("GET", "/incidents"): "read",
    ("GET", "/incidents/{incident_id}"): "read",
    ("POST", "/incidents/{incident_id}"): "ack",
    ("GET", "/artifacts/{identity}"): "read",
    ("GET", "/artifacts/{identity}/{number:int}"): "read",
    ("GET", "/probe"): "run",
    ("GET", "/markers"): "read",
    ("POST", "/markers"): "ingest",
    ("GET", "/metrics"): OPEN,
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/prober.css"): OPEN,
    ("GET", "/prober.js"): OPEN,
    ("GET", "/run.css"): OPEN,
    ("GET", "/icon.svg"): OPEN,
    ("GET", "/login"): OPEN,
    ("POST", "/logout"): KNOWN,
    ("GET", "/login/oidc"): OPEN,
    ("GET", "/login/oidc/callback"): OPEN,
    **{(one.method, f"{ROOT}{one.path}"): one.scope.value for one in OPERATIONS},
}
"""Of every route what it takes once ``web.auth`` is set. A new one belongs in here."""
ELSEWHERE = {"/checks/{check_id}/{action}", "/incidents/{incident_id}/{action}"}
"""Routes of which the table has each action, or that prove themselves (tests/web/test_incident_pages.py)."""
CLOSED_WITHOUT_AUTH = {"/login", "/login/oidc", "/login/oidc/callback"}


class Undoable:
    """Actions that are asked for, and not done."""

    def run_now(self, check_id: str) -> None:
        raise UserFault("not here")


SHOWN = {"actions": Undoable(), "snapshot": lambda: [Row("a1", "http", "https://a.example/")]}


def routes() -> set[str]:
    """The paths of all routes but those below the API, which are made of its operations."""
    found = create_app(view(MovedClock()), Access()).routes
    mounts = [route.path for route in found if isinstance(route, Mount)]
    assert mounts == [ROOT]
    return {route.path for route in found if isinstance(route, Route)}


def test_every_route_is_in_the_table() -> None:
    actions = {"/checks/{check_id}/run", "/checks/{check_id}/silence"}
    assert routes() == {path for _, path in TAKES if not path.startswith(ROOT)} - actions | ELSEWHERE


def status(side: Served, method: str, path: str, headers: dict[str, str] | None = None) -> int:
    """What is answered; no more than its head is waited for, since some answers go on."""
    path = re.sub(r"\{number:int\}", "1", path)
    path = re.sub(r"\{\w+\}", "a1", path)
    with side.browser() as client, client.stream(method, path, headers={"Accept": "*/*", **(headers or {})}) as answer:
        return answer.status_code


@pytest.mark.parametrize("host", [LOOPBACK, ALL_INTERFACES])
def test_with_auth_each_route_is_for_those_who_have_its_scope_on_every_address(host: str) -> None:
    wrong = []
    with served(web(auth=auth()), host, **SHOWN) as side:
        for (method, path), takes in TAKES.items():
            for who in ("nobody", *SCOPES):
                found = status(side, method, path, bearer(TOKENS[who]) if who != "nobody" else {})
                admitted = takes in (OPEN, who) or (who != "nobody" and (takes == KNOWN or who == "admin"))
                refused = 401 if who == "nobody" else 403
                if (found in (401, 403)) == admitted or (not admitted and found != refused):
                    wrong.append((method, path, who, found))
        assert status(side, "GET", "/incidents/{incident_id}/ack") == 401  # one without a signature
    assert wrong == []


def test_without_auth_loopback_is_for_anybody_on_the_machine() -> None:
    with served(**SHOWN) as side:
        for method, path in TAKES:
            # A form lacks here what only our own page has; the API's callers are no pages.
            by_form = method == "POST" and not path.startswith((ROOT, "/markers"))
            assert (status(side, method, path) in (401, 403)) == by_form, path
        assert side.get("/act").text.startswith("anybody on this machine|ack,admin,ingest,read,run|")


def test_without_auth_any_other_address_serves_what_scrapers_balancers_and_customers_need_and_nothing_else() -> None:
    with served(host=ALL_INTERFACES, **SHOWN) as side:  # and the client comes from 127.0.0.1 all the same
        for (method, path), takes in TAKES.items():
            open_to_all = takes == OPEN and path not in CLOSED_WITHOUT_AUTH
            assert (status(side, method, path) == 401) == (not open_to_all), path
        answer = side.get("/")
        assert answer.text == (
            "Nobody may ask for this here: to open it, set web.auth (users, tokens or oidc), "
            "or listen on loopback; see docs/operating.md.\n"
        )
        assert answer.headers["www-authenticate"] == 'Bearer realm="prober"'
        for public in ("/status", "/status/shop", "/status/shop/badge/uptime.svg", "/status/shop/feed.atom"):
            assert side.get(public).status_code == 404, "none is configured, but it is let through"
        for path in ("/incidents/5f2b/ack?sig=x", "/incidents/5f2b/silence?sig=x"):
            assert side.get(path).status_code == 404
        for path in ("/incidents/5f2b?sig=x", "/incidents/5f2b/delete?sig=x", "/incidents/5f2b/ack?SIG=x", "/statusx"):
            assert side.get(path).status_code == 401, path


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1;host=localhost"},
        {"X-Real-IP": "127.0.0.1"},
        {"X-Forwarded-Host": "localhost"},
        {"Host": "localhost"},
        {"Host": "127.0.0.1"},
        {"X-Original-URL": "/healthz"},
        {"X-Rewrite-URL": "/metrics"},
        {"X-HTTP-Method-Override": "GET"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic Og=="},
        {"prober.who": "admin"},
        {"X-Prober-Loopback": "1"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_nothing_a_client_says_of_itself_makes_it_local(public: Served, headers: dict[str, str]) -> None:
    assert public.get("/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "target",
    ["//healthz", "/./healthz", "/status/../act", "/healthz/../act", "/act?/healthz", "/act#/healthz", "/ACT", "/act/"],
)
def test_a_path_is_open_by_what_the_router_sees(target: str) -> None:
    with (
        served(web(auth=auth()), ALL_INTERFACES) as side,
        socket.create_connection(("127.0.0.1", side.server.port)) as it,
    ):
        it.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        status = it.makefile("rb").readline().split()[1]
        assert status == b"401" or (target.startswith("/status/") and status == b"404")


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "",
        "[::2]",
        "10.0.0.1",
    ],
)
def test_a_strangers_name_that_leads_to_loopback_reads_nothing(local: Served, name: str) -> None:
    answer = local.get("/", headers={"Host": name})
    assert (answer.status_code, "answers to localhost only" in answer.text) == (403, True)
    assert local.get("/metrics", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "name", ["localhost", "LocalHost:9115", "prober.localhost", "127.0.0.1", "127.8.8.8:1", "[::1]:9115"]
)
def test_this_machine_has_many_names(local: Served, name: str) -> None:
    assert local.get("/", headers={"Host": name}).status_code == 200


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:1"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_sites_page_has_nothing_done_over_loopback(local: Served, headers: dict[str, str]) -> None:
    csrf = local.get("/act").text.rpartition("|")[2]
    sent = {name: value.format(own=local.url) for name, value in headers.items()}
    answer = local.post("/act", data={"csrf": csrf}, headers=sent)
    assert (answer.status_code, answer.text) == (403, "Another site's page asked for this.\n")
    assert local.get("/act", headers=sent).status_code == 200  # a link leads here
    assert local.get("/probe?target=10.0.0.1", headers=sent).status_code == 403  # but a probe is an act


def test_our_own_page_and_a_program_act_over_loopback() -> None:
    with served(web(public_url="https://status.example")) as side:
        csrf = side.get("/act").text.rpartition("|")[2]
        ours = {"Sec-Fetch-Site": "same-origin", "Origin": side.url}
        for headers in ({}, ours, {"Origin": "https://status.example"}):
            assert side.post("/act", data={"csrf": csrf, "a": "1"}, headers=headers).text == (
                "anybody on this machine did {'a': '1'}"
            )
        for wrong in ("", "x" * 64, csrf[:-1]):
            assert side.post("/act", data={"csrf": wrong}).status_code == 403


def test_a_token_acts_wherever_it_is_sent_from(closed: Served) -> None:
    headers = {**bearer(TOKENS["ack"]), "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert closed.post("/act", data={"a": "1"}, headers=headers).text == "ack did {'a': '1'}"


@pytest.mark.parametrize(
    "value",
    [
        "Bearer wrong-token-0123456789",
        f"Bearer {TOKENS['read'][:-1]}",
        f"Bearer {TOKENS['read']}x",
        f"Bearer {TOKENS['read']} {TOKENS['read']}",
        f"Token {TOKENS['read']}",
        TOKENS["read"],
        "Bearer",
        "Basic !!!",
        "Basic /w==",
        "",
    ],
)
def test_a_header_that_is_no_credential_lets_nobody_in(closed: Served, value: str) -> None:
    assert closed.get("/", headers={"Authorization": value}).status_code == 401


def test_two_credentials_are_none(closed: Served) -> None:
    headers = [("Authorization", f"Bearer {TOKENS['admin']}"), ("Authorization", "Bearer other")]
    assert closed.get("/", headers=headers).status_code == 401


def test_name_and_password_go_as_http_basic_and_are_hashed_once() -> None:
    with served(web(auth=auth())) as side:
        for _ in range(30):  # more than may be tried, were each of them a try
            assert side.get("/", auth=("ada", PASSWORD)).status_code == 200
        assert side.get("/probe", auth=("ada", PASSWORD)).status_code == 403
        side.clock.advance(301)
        assert side.get("/", auth=("ada", PASSWORD)).status_code == 200
        assert side.get("/", auth=("ada", PASSWORD + "x")).status_code == 401


def test_metrics_and_probe_are_open_or_closed_as_configured() -> None:
    with served(web(auth=auth(metrics="read", probe="open")), ALL_INTERFACES) as side:
        assert side.get("/metrics").status_code == 401
        assert side.get("/metrics", headers=bearer(TOKENS["ingest"])).status_code == 403
        assert side.get("/metrics", headers=bearer(TOKENS["read"])).status_code == 200
        assert side.get("/probe").status_code == 404  # let through, and not configured here


def test_a_changed_configuration_holds_at_once() -> None:
    with served() as side:
        assert side.get("/").status_code == 200
        side.access.adopt(web(auth=auth()))
        assert side.get("/").status_code == 401
        changed = auth()
        del changed["tokens"]["read"]
        assert side.get("/", headers=bearer(TOKENS["read"])).status_code == 200
        side.access.adopt(web(auth=changed))
        assert side.get("/", headers=bearer(TOKENS["read"])).status_code == 401


def test_a_browser_is_sent_to_log_in_and_told_the_way_back(closed: Served) -> None:
    with closed.browser() as browser:
        answer = browser.get("/artifacts/a%20b?x=1&y=2")
        assert answer.status_code == 303
        assert answer.headers["location"] == "../login?next=/artifacts/a%2520b%3Fx%3D1%26y%3D2"
        page = browser.get("/artifacts/a%20b?x=1&y=2", follow_redirects=True)
        assert (page.status_code, 'name="next" value="/artifacts/a%20b?x=1&amp;y=2"' in page.text) == (200, True)
        assert browser.post("/act").status_code == 401  # what was to be done is not done by a redirect


def test_a_program_is_told_in_its_own_form(closed: Served) -> None:
    answer = closed.get("/api/v1/checks", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"] == 'Bearer realm="prober"'
    assert {name: answer.json()[name] for name in ("type", "title", "status")} == {
        "type": "/problems/unauthorized",
        "title": "Unauthorized",
        "status": 401,
    }
    assert closed.get("/").text == "Log in, or send a token.\n"
    page = closed.get("/probe", headers={"Accept": "text/html", **bearer(TOKENS["read"])})
    assert (page.status_code, "<h1>Forbidden</h1>" in page.text) == (403, True)


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/login", "/healthz", "/nope", "/api/v1/x", "/incidents/1/ack?sig=1"]
)
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_every_answer_has_the_security_headers(closed: Served, path: str, accept: str) -> None:
    headers = closed.get(path, headers={"Accept": accept}).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    for part in ("style-src 'self'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    for name, value in {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }.items():
        assert headers[name] == value
    assert "camera=()" in headers["permissions-policy"]
    assert "strict-transport-security" not in headers  # said over TLS alone


def test_a_failure_of_ours_has_them_too_and_tells_nothing() -> None:
    def broken() -> list[object]:
        raise RuntimeError("the-inside-of-it")

    with served(snapshot=broken) as side:
        answer = side.get("/", headers={"Accept": "text/html"})
        assert (answer.status_code, "the-inside-of-it" in answer.text) == (500, False)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
