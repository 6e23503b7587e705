"""Logging in and out by the pages, and what may go wrong on purpose."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator

import httpx
import pytest
from fakes.door import HASHER, PASSWORD, Served, auth, bearer, field, log_in, served, web

KEY = "k" * 32


@pytest.fixture
def side() -> Iterator[Served]:
    with served(web(auth=auth(session_key=KEY))) as side:
        yield side


def whoever(browser: httpx.Client) -> str:
    """The name the door knows the browser by."""
    answer = browser.get("/act")
    return answer.text.partition("|")[0] if answer.status_code == 200 else ""


def test_logging_in_leads_on_and_logging_out_ends_it(side: Served) -> None:
    with side.browser() as browser:
        answer = log_in(browser, next_="/act?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "./act?x=1")
        assert whoever(browser) == "ada"
        session = dict(browser.cookies)
        page = browser.get("/login")
        assert ("As <b>ada</b>, for ack, read" in page.text, 'action="logout"' in page.text) == (True, True)
        done = browser.post("/logout", data={"csrf": field(page, "csrf")})
        assert (done.status_code, done.headers["location"], dict(browser.cookies).get("prober")) == (
            303,
            "./login",
            None,
        )
        assert whoever(browser) == ""
    assert side.get("/act", cookies=session).status_code == 401  # nor is a copy of the cookie good any more


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(side: Served) -> None:
    with side.browser() as browser:
        cookie = log_in(browser).headers.get_list("set-cookie")[0]
    assert re.match(r"prober=[\w.-]+; HttpOnly; Max-Age=43200; Path=/; SameSite=lax$", cookie)
    for section in ({"public_url": "https://status.example"}, {"tls": {"cert_file": "c", "key_file": "k"}}):
        with served(web(auth=auth(), **section)) as secure:
            page = secure.get("/login", headers={"Accept": "text/html"})
            cookies = {"prober_form": page.cookies["prober_form"]} if "prober_form" in page.cookies else _jar(page)
            form = {"csrf": field(page, "csrf"), "name": "ada", "password": PASSWORD}
            cookie = secure.post("/login", data=form, cookies=cookies).headers.get_list("set-cookie")[0]
            assert cookie.startswith("__Host-prober=")
            assert "; Secure" in cookie


def _jar(page: httpx.Response) -> dict[str, str]:
    """Cookies that a client over plain HTTP does not take, but we do for once."""
    return dict(one.partition(";")[0].split("=", 1) for one in page.headers.get_list("set-cookie"))  # type: ignore[misc]


def test_logging_in_again_is_another_session_and_ends_the_one_before(side: Served) -> None:
    with side.browser() as browser:
        log_in(browser)
        first = browser.cookies["prober"]
        page = side.get("/login")
        browser.cookies.set("prober_form", page.cookies["prober_form"])
        browser.post("/login", data={"csrf": field(page, "csrf"), "name": "ada", "password": PASSWORD})
        assert browser.cookies["prober"] != first
        assert whoever(browser) == "ada"
    assert side.get("/act", cookies={"prober": first}).status_code == 401


def test_a_session_ends_by_time_by_another_password_and_with_its_user(side: Served) -> None:
    with side.browser() as browser:
        log_in(browser)
        side.clock.advance(43_199)
        assert whoever(browser) == "ada"
        side.clock.advance(2)
        assert whoever(browser) == ""
        log_in(browser)
        changed = auth(session_key=KEY)
        changed["users"]["ada"] = {"password": HASHER.hash("another password"), "scopes": ["read"]}
        side.access.adopt(web(auth=changed))
        assert whoever(browser) == ""
        side.access.adopt(web(auth=auth(session_key=KEY)))
        assert whoever(browser) == "ada"
        side.access.adopt(web(auth=auth(session_key=KEY, users={})))
        assert whoever(browser) == ""


def test_a_session_outlives_a_restart_by_its_key_only(side: Served) -> None:
    with side.browser() as browser:
        log_in(browser)
        cookie = {"prober": browser.cookies["prober"]}
    with served(web(auth=auth(session_key=KEY))) as again:
        assert again.get("/act", cookies=cookie).status_code == 200
    for section in (auth(session_key="x" * 32), auth()):
        with served(web(auth=section)) as again:
            assert again.get("/act", cookies=cookie).status_code == 401


def test_what_the_user_may_do_is_looked_up_each_time(side: Served) -> None:
    with side.browser() as browser:
        log_in(browser)
        assert "|ack,read|" in browser.get("/act").text
        changed = auth(session_key=KEY)
        changed["users"]["ada"]["scopes"] = ["ingest"]
        side.access.adopt(web(auth=changed))
        assert "|ingest|" in browser.get("/act").text


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_forged_cookies_are_nobodys(side: Served) -> None:
    with side.browser() as browser:
        log_in(browser)
        body, _, signature = browser.cookies["prober"].partition(".")
    fields = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    other = side.access.rules.seal
    forged = [
        f"{_encoded({**fields, 'user': 'root'})}.{signature}",
        f"{_encoded({**fields, 'ends_at': 9e9})}.{signature}",
        f"{body}.",
        body,
        f"{body}.{signature[:-2]}",
        f"{body}.{'A' * 43}",
        f".{signature}",
        ".",
        "",
        "a" * 10_000,
        f"{body}=.{signature}=",
        f"{body}.\u00e9".encode().decode("latin-1"),
        f"{body}.{signature}.{signature}",
        other.write("login", {**fields}, 9e9),  # signed by us, for something else
        other.write("oidc", {**fields}, 9e9),
        other.write("session", {**fields, "proof": "0" * 64}, 9e9),
        other.write("session", {"vouched": {"by": "x", "name": "eve", "email": "", "groups": []}, "id": "1"}, 9e9),
    ]
    for cookie in forged:
        status = side.get("/act", headers={"Cookie": f"prober={cookie}".encode("latin-1")}).status_code
        assert status in (401, 400), cookie  # 400 is the server's own, for a header that is too long
    assert side.get("/act", headers={"Cookie": f"prober={body}.{signature}"}).status_code == 200


def test_a_form_without_the_sessions_token_does_nothing(side: Served) -> None:
    with side.browser() as browser, side.browser() as other:
        log_in(browser)
        log_in(other)
        csrf = browser.get("/act").text.rpartition("|")[2]
        foreign = other.get("/act").text.rpartition("|")[2]
        for data in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": csrf.upper() + "0"}, {"csrf": "\u00e9"}):
            assert browser.post("/act", data=data).status_code == 403
        assert browser.post("/logout", data={"csrf": foreign}).status_code == 403
        assert browser.post("/act", data={"csrf": csrf, "a": "1"}).text == "ada did {'a': '1'}"


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}]
)
def test_a_session_is_not_taken_from_another_sites_page(side: Served, headers: dict[str, str]) -> None:
    with side.browser() as browser:
        log_in(browser)
        csrf = browser.get("/act").text.rpartition("|")[2]
        assert browser.post("/act", data={"csrf": csrf}, headers=headers).status_code == 401
        assert side.post("/act", data={}, headers=headers, auth=("ada", PASSWORD)).status_code == 401


def test_nobody_is_logged_in_by_a_form_that_was_not_ours(side: Served) -> None:
    page, other = side.get("/login"), side.get("/login")
    good = {"name": "ada", "password": PASSWORD}
    for cookies, csrf in (
        ({}, field(page, "csrf")),
        ({"prober_form": other.cookies["prober_form"]}, field(page, "csrf")),
        ({"prober_form": page.cookies["prober_form"]}, ""),
        ({"prober_form": ""}, ""),
    ):
        answer = side.post("/login", data={**good, "csrf": csrf}, cookies=cookies)
        assert (answer.status_code, "prober" in answer.cookies) == (403, False)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("", ""),
        ("eve", PASSWORD),
        ("Ada", PASSWORD),
        ("ada", PASSWORD + " "),
        ("ada", "x" * 5_000),
    ],
)
def test_wrong_names_and_passwords_are_told_alike(side: Served, name: str, password: str) -> None:
    with side.browser() as browser:
        answer = log_in(browser, name, password)
        assert (answer.status_code, "Name or password is wrong." in answer.text) == (401, True)
        assert "prober" not in browser.cookies


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "evil.example",
        "@evil.example",
        "/" + "a" * 3_000,
        "/\u00e9",
        "",
    ],
)
def test_logging_in_never_leads_elsewhere(side: Served, next_: str) -> None:
    with side.browser() as browser:
        page = browser.get("/login")
        form = {"csrf": field(page, "csrf"), "next": next_, "name": "ada", "password": PASSWORD}
        assert browser.post("/login", data=form).headers["location"] == "./"
        assert browser.get("/login", params={"next": next_}).status_code == 200


def test_what_is_shown_again_never_becomes_markup(side: Served) -> None:
    page = side.get("/login", params={"next": "/'\"><script>alert(1)</script>"})
    assert "<script" not in page.text


def test_a_huge_form_is_refused_before_it_is_read_whole(side: Served) -> None:
    assert side.post("/login", content=b"name=" + b"a" * 20_000).status_code == 413
    assert side.post("/login", content=b"&".join(b"a%d=1" % n for n in range(100))).status_code == 400


def test_a_flood_of_log_ins_is_slowed_down_and_others_are_served(side: Served) -> None:
    with side.browser() as browser:
        statuses = [log_in(browser, password="wrong").status_code for _ in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        answer = log_in(browser)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "6")
        assert "Too many log-ins were tried: again in 6 s." in answer.text
        assert side.get("/", auth=("ada", PASSWORD)).status_code == 429
        assert side.get("/", headers=bearer("token-of-read-0123456789")).status_code == 200
        side.clock.advance(6)
        assert log_in(browser).status_code == 303


def test_without_auth_there_is_nothing_to_log_in_to() -> None:
    with served() as side:
        for path in ("/login", "/login/oidc"):
            assert side.get(path).status_code == 404


def test_with_tokens_alone_the_page_says_so() -> None:
    with served(web(auth=auth(users={}))) as side:
        page = side.get("/login")
        assert ("Only tokens are configured" in page.text, 'name="password"' in page.text) == (True, False)
        assert side.get("/", auth=("ada", PASSWORD)).status_code == 401
