"""How the API answers, whatever is asked: methods, scopes, bodies, errors, and what has not changed."""

from __future__ import annotations

import socket
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from fakes.alerts import run
from fakes.rest import SHOP, Site, token
from fakes.storing import batch, decided, incident

from prober.model import Verdict
from prober.store import StoreFault
from prober.web import View, WebServer, create_app
from prober.web.api import OPERATIONS
from prober.web.api.problems import problem
from prober.web.auth import Access

API = "/api/v1"
EXAMPLES = {"check_id": "shop", "incident_id": "5f2b", "run_id": "shop-0", "hush_id": "none"}
EXAMPLES |= {"page": "main", "announcement_id": "none"}


def said(answer: httpx.Response, status: int) -> Any:
    """The problem of an answer, held against all that problems have in common."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["status"], body["title"]) == (status, HTTPStatus(status).phrase)
    assert body["type"].startswith("/problems/")
    return body


def test_every_operation_is_for_those_who_have_its_scope(lasting: Site) -> None:
    for scope in ("read", "run", "ack", "ingest"):
        with lasting.client("") as nobody, lasting.client(f"all-but-{scope}") as eve:
            for operation in (one for one in OPERATIONS if one.scope.value == scope):
                path = API + operation.path.format(**EXAMPLES)
                refused = nobody.request(operation.method, path, json=operation.sent)
                assert said(refused, 401)["type"] == "/problems/unauthorized"
                assert refused.headers["www-authenticate"].startswith("Bearer")
                forbidden = eve.request(operation.method, path, json=operation.sent)
                assert said(forbidden, 403)["type"] == "/problems/forbidden"
    assert (lasting.runner.begun, lasting.signals, lasting.store.hushes(0.0)) == ([], [], ())


def test_every_path_says_what_may_be_done_there(same: httpx.Client) -> None:
    for path in {operation.path for operation in OPERATIONS}:
        there = {operation.method for operation in OPERATIONS if operation.path == path}
        allowed = there | {"OPTIONS"} | ({"HEAD"} if "GET" in there else set())
        url = API + path.format(**EXAMPLES)
        asked = same.request("OPTIONS", url)
        assert (asked.status_code, set(asked.headers["allow"].split(", "))) == (204, allowed)
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
            answer = same.request(method, url)
            assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, allowed)
            if method != "HEAD":
                assert said(answer, 405)["type"] == "/problems/method-not-allowed"


@pytest.mark.parametrize("path", ["/checks", "/checks/shop", "/incidents", "/markers", "/openapi.json"])
def test_what_has_not_changed_is_not_sent_again(same: httpx.Client, path: str) -> None:
    first = same.get(API + path)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for tags in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
        again = same.get(API + path, headers={"If-None-Match": tags})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert same.get(API + path, headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_an_etag_changes_with_what_it_is_of(site: Site, api: httpx.Client) -> None:
    before = api.get(f"{API}/incidents").headers["etag"]
    decided(site.store, incidents=(incident(),))
    assert api.get(f"{API}/incidents", headers={"If-None-Match": before}).status_code == 200


def test_head_is_get_without_its_body(same: httpx.Client) -> None:
    got, head = (same.request(method, f"{API}/checks/shop") for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-length", "cache-control"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("path", ["/nothing", "/checks/", "/checks/a/b/c", "/"])
def test_where_there_is_nothing_a_problem_says_so(same: httpx.Client, path: str) -> None:
    assert said(same.get(API + path), 404)["type"] == "/problems/not-found"


@pytest.mark.parametrize(
    ("body", "media_type", "status", "detail"),
    [
        (b"{", "application/json", 400, "not JSON"),
        (b"\xff", "application/json", 400, "not JSON"),
        (b"[" * 10_000, "application/json", 400, "not JSON"),
        (b'{"text": "\\ud800"}', "application/json", 400, "not JSON"),
        (b"", "application/json", 400, "not JSON"),
        (b"[]", "application/json", 422, "see errors"),
        (b"null", "application/json", 422, "see errors"),
        (b"text=x", "application/x-www-form-urlencoded", 415, "application/json"),
        (b'{"text": "x"}', "", 415, "application/json"),
        (b'{"text": "' + b"x" * 70_000 + b'"}', "application/json", 413, "65536 bytes"),
    ],
)
def test_a_body_that_is_none_is_refused(
    same: httpx.Client, body: bytes, media_type: str, status: int, detail: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    assert detail in said(same.post("/markers", content=body, headers=headers), status)["detail"]


def test_a_content_type_may_have_its_charset(same: httpx.Client) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert same.post("/markers", content=b'{"text": "x"}', headers=headers).status_code == 201


def test_every_mistake_is_told_at_once_and_none_is_a_mirror(same: httpx.Client) -> None:
    answer = same.post("/markers", json={"text": 7, "url": "<script>", "tags": ["ok", "not ok"], "more": 1})
    mistakes = {one["path"]: one["message"] for one in said(answer, 422)["errors"]}
    assert set(mistakes) == {"body.text", "body.url", "body.tags[1]", "body.more"}
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("query", "path", "message"),
    [
        ("limit=0", "query.limit", "greater than or equal to 1"),
        ("limit=501", "query.limit", "less than or equal to 500"),
        ("limit=1.0", "query.limit", "expected a whole number"),
        ("limit=", "query.limit", "expected a whole number"),
        ("limit=5&limit=6", "query.limit", "given more than once"),
        ("verdict=sideways", "query.verdict[0]", "'up', 'degraded', 'down' or 'unknown'"),
        ("cursor=x", "query.cursor", "pattern"),
        ("colour=red", "query.colour", "not known here"),
    ],
)
def test_a_query_is_bounded_and_known(same: httpx.Client, query: str, path: str, message: str) -> None:
    (mistake,) = said(same.get(f"{API}/checks/shop/results?{query}"), 422)["errors"]
    assert (mistake["path"], message in mistake["message"]) == (path, True), mistake


def test_what_takes_no_query_has_none(same: httpx.Client) -> None:
    assert said(same.get(f"{API}/health?verbose=1"), 422)["errors"] == [
        {"path": "query.verbose", "message": "not known here"}
    ]


def test_while_the_store_is_away_the_answer_is_to_try_again(site: Site, api: httpx.Client) -> None:
    site.alarm.away = True
    for asked in (
        api.post("/markers", json={"text": "x"}),
        api.get(f"{API}/markers"),
        api.post(f"{API}/silences", json={"everything": True, "lasts": "1h"}),
        api.get(f"{API}/silences"),
    ):
        assert "store is away" in said(asked, 503)["detail"]
        assert asked.headers["retry-after"] == "5"


def test_a_store_that_fails_is_told_of_and_the_checks_are_shown_all_the_same(site: Site, api: httpx.Client) -> None:
    site.store.commit(batch("1", results=(run(SHOP, Verdict.UP),)))
    site.past_fails = StoreFault("database is locked")
    assert said(api.get(f"{API}/checks/shop/results"), 503)["detail"] == "Try again later: database is locked."
    assert api.get(f"{API}/checks").status_code == 200


def test_a_bug_of_ours_is_a_problem_that_says_nothing_of_itself(site: Site, api: httpx.Client) -> None:
    site.past_fails = RuntimeError("a secret of the inside")
    answer = api.get(f"{API}/checks/shop/results")
    assert "secret" not in said(answer, 500)["detail"]


def test_what_comes_with_a_cookie_has_to_bring_what_only_our_pages_know(site: Site) -> None:
    access = Access(clock=site.clock)
    known = access.local(access.rules).csrf
    server = WebServer(create_app(site.view, access), "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as browser:
        assert browser.post("/markers", json={"text": "x"}).status_code == 201  # a program on this machine
        browser.headers["Cookie"] = "theme=dark"
        assert browser.get(f"{API}/checks").status_code == 200
        assert "x-csrf-token" in said(browser.post("/markers", json={"text": "x"}), 403)["detail"]
        assert browser.post("/markers", json={"text": "x"}, headers={"X-CSRF-Token": known}).status_code == 201
        elsewhere = {"X-CSRF-Token": known, "Origin": "https://evil.example"}
        assert browser.post("/markers", json={"text": "x"}, headers=elsewhere).status_code == 403
    server.stop(5.0)


def test_a_prober_without_a_past_and_without_actions_says_so(site: Site) -> None:
    bare: View = site.bare_view()
    with site.serving(bare) as client:
        assert said(client.get(f"{API}/incidents"), 501)["detail"] == "This prober keeps no past."
        assert said(client.post("/markers", json={"text": "x"}), 501)["type"] == "/problems/not-here"
        assert client.get(f"{API}/checks").status_code == 200


def test_a_body_that_never_ends_is_cut_off(site: Site) -> None:
    host, _, port = site.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(
            b"POST /markers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token("ci").encode() + b"\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(5):
            line.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        answer = line.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_problems_have_types_that_stay() -> None:
    known = {400: "bad-request", 401: "unauthorized", 403: "forbidden", 404: "not-found", 405: "method-not-allowed"}
    known |= {408: "timeout", 409: "conflict", 413: "too-large", 415: "unsupported-media-type", 422: "invalid"}
    known |= {429: "too-often", 500: "internal", 501: "not-here", 503: "unavailable"}
    for status, name in known.items():
        assert problem(status).type == f"/problems/{name}"
    assert problem(418).type == "about:blank"
