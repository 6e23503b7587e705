"""Where redirects may lead, and what is taken along: faults N12-N17."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.authority import Authority
from fakes.fetching import fetch
from fakes.script import Script, Server, answer, http, redirect, site

from prober.curl import Exchange, read_url
from prober.model import Reason
from prober.net import TlsOptions
from prober.secret import Secret


def reason(exchange: Exchange) -> Reason | None:
    return exchange.failure.reason if exchange.failure else None


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_redirects_are_followed_with_the_chain_kept_and_phases_summed_over_hops() -> None:
    with Server(site({"/a": redirect("b?x=1#y"), "/b?x=1": redirect("/c", "307 x"), "/c": answer(b"here")})) as server:
        exchange = fetch(server.url("/a"))
    assert (reason(exchange), exchange.status, exchange.body) == (None, 200, b"here")
    assert exchange.facts["redirects"] == 2
    assert exchange.facts["redirect_chain"] == [
        {"url": server.url("/a"), "status": 302},
        {"url": server.url("/b?x=1"), "status": 307},
    ]
    assert exchange.facts["url"] == server.url("/c")
    assert [hop.status for hop in exchange.hops] == [302, 307, 200]
    assert exchange.phases["connect"] == pytest.approx(sum(hop.phases["connect"] for hop in exchange.hops))
    assert exchange.duration_s == pytest.approx(sum(sum(hop.phases.values()) for hop in exchange.hops))


def test_a_redirect_is_the_answer_when_none_are_followed() -> None:
    with Server(site({"/": redirect("/b")})) as server:
        exchange = fetch(server.url(), follow=False)
    assert (reason(exchange), exchange.status, exchange.facts["redirects"]) == (None, 302, 0)


BAD = {
    "to itself": (redirect("/"), Reason.REDIRECT_LOOP),
    "to nowhere": (answer(b"", "302 Found"), Reason.REDIRECT_INVALID),
    "to an empty place": (redirect(""), Reason.REDIRECT_INVALID),
    "to a broken URL": (redirect("http://[::1/"), Reason.REDIRECT_INVALID),
    "to a port out of range": (redirect("http://localhost:99999/"), Reason.REDIRECT_INVALID),
    "to a host with a space": (redirect("http://a b/"), Reason.REDIRECT_INVALID),
    "to a file": (redirect("file:///etc/passwd"), Reason.REDIRECT_BLOCKED),
    "to ftp": (redirect("ftp://localhost/"), Reason.REDIRECT_BLOCKED),
    "to data": (redirect("data:text/plain,hello"), Reason.REDIRECT_BLOCKED),
    "to a script": (redirect("javascript:alert(1)"), Reason.REDIRECT_BLOCKED),
    "to a link-local address": (redirect("http://[fe80::1]/"), Reason.ADDRESS_BLOCKED),
    "to a mapped link-local address": (redirect("http://[::ffff:169.254.10.20]/"), Reason.ADDRESS_BLOCKED),
    "to a link-local address in decimal": (redirect("http://2851998228/"), Reason.ADDRESS_BLOCKED),
    "to a link-local address in hex": (redirect("http://0xa9fe0a14/"), Reason.ADDRESS_BLOCKED),
    "to a link-local address behind NAT64": (redirect("http://[64:ff9b::a9fe:a14]/"), Reason.ADDRESS_BLOCKED),
}


@pytest.mark.parametrize("case", BAD)
def test_a_redirect_that_must_not_be_followed_is_told_by_reason_and_status(case: str) -> None:
    page, expected = BAD[case]
    with Server(http(page)) as server:
        exchange = fetch(server.url(), timeout_s=2)
    assert reason(exchange) is expected, exchange.failure
    assert exchange.failure is not None
    assert exchange.failure.message


def test_more_redirects_than_allowed_are_told_with_the_last_status_and_not_asked_for() -> None:
    pages = {f"/{n}": redirect(f"/{n + 1}") for n in range(20)}
    with Server(site(pages)) as server:
        exchange = fetch(server.url("/0"))
    assert reason(exchange) is Reason.REDIRECT_LIMIT
    assert (exchange.status, exchange.facts["redirects"], len(server.heads)) == (302, 10, 11)


def test_a_page_that_sets_a_cookie_and_redirects_to_itself_is_no_loop() -> None:
    def script(head: bytes) -> Script:
        done = b"Cookie: seen=1" in head
        return http(answer(b"in") if done else redirect("/", "302 Found", b"Set-Cookie: seen=1"))(head)

    with Server(script) as server:
        exchange = fetch(server.url())
        again = fetch(server.url())
    assert (exchange.body, exchange.facts["redirects"]) == (b"in", 1)
    assert again.facts["redirects"] == 1, "cookies must not outlive their run"


@pytest.mark.parametrize(
    ("method", "status", "after", "kept"),
    [
        ("POST", "301 x", b"GET", False),
        ("POST", "302 x", b"GET", False),
        ("POST", "303 x", b"GET", False),
        ("POST", "307 x", b"POST", True),
        ("POST", "308 x", b"POST", True),
        ("PUT", "302 x", b"PUT", True),
        ("PUT", "303 x", b"GET", False),
        ("HEAD", "302 x", b"HEAD", False),
    ],
)
def test_the_method_after_a_redirect_is_that_of_rfc_9110(method: str, status: str, after: bytes, kept: bool) -> None:
    body = None if method == "HEAD" else b"a=1"
    with Server(site({"/": redirect("/b", status), "/b": answer()})) as server:
        fetch(server.url(), method=method, body=body, headers=(("Content-Type", "text/plain"),) if body else ())
    head, _, heard = server.heads[1].partition(b"\r\n\r\n")
    assert head.split()[0] == after
    assert (heard == b"a=1", b"Content-Type" in head) == (kept, kept)


CREDENTIALS = (
    ("Authorization", "Bearer canary"),
    ("Cookie", "session=canary"),
    ("X-Api-Key", Secret("canary")),
    ("Host", "canary.example"),
    ("X-Plain", "kept"),
)


def test_credentials_stay_with_their_origin() -> None:
    with Server(http(answer())) as other, Server(http(redirect(other.url("/in")))) as server:
        fetch(server.url(), headers=CREDENTIALS)
    assert server.heads[0].count(b"canary") == 4
    assert b"canary" not in other.heads[0]
    assert b"X-Plain: kept" in other.heads[0]


def test_credentials_go_along_within_their_origin() -> None:
    with Server(site({"/": redirect("/b"), "/b": answer()})) as server:
        fetch(server.url(), headers=CREDENTIALS)
    assert server.heads[1].count(b"canary") == 4


def test_credentials_in_a_location_are_not_used() -> None:
    with Server(http(answer())) as other, Server(http(redirect(f"http://me:pw@127.0.0.1:{other.port}/"))) as server:
        exchange = fetch(server.url())
    assert b"Authorization" not in other.heads[0]
    assert "pw" not in str(exchange.facts)


def test_a_pinned_address_is_only_for_its_own_host() -> None:
    with Server(http(answer())) as other, Server(http(redirect(f"http://localhost:{other.port}/"))) as server:
        exchange = fetch(server.url(host="shop.example"), resolve="127.0.0.1", ip="v4")
    assert (reason(exchange), exchange.status) == (None, 200)
    assert b"Host: localhost" in other.heads[0]


@pytest.mark.parametrize(("allowed", "expected"), [(False, Reason.REDIRECT_DOWNGRADE), (True, None)])
def test_https_leads_to_http_only_where_allowed(authority: Authority, allowed: bool, expected: Reason | None) -> None:
    tls = TlsOptions(ca_file=authority.ca_file)
    with Server(http(answer())) as plain, Server(http(redirect(plain.url())), authority.good()) as server:
        exchange = fetch(server.url(host="localhost"), tls=tls, allow_downgrade=allowed)
    assert reason(exchange) is expected
    assert exchange.facts["ssl"] is not allowed


def test_http_leads_to_https_and_the_facts_are_the_last_hops(authority: Authority) -> None:
    tls = TlsOptions(ca_file=authority.ca_file)
    with (
        Server(http(answer()), authority.good()) as secure,
        Server(http(redirect(secure.url(host="localhost")))) as server,
    ):
        exchange = fetch(server.url(), tls=tls)
    assert (reason(exchange), exchange.facts["ssl"], exchange.facts["redirects"]) == (None, True, 1)
    assert exchange.phases["tls"] > 0
    assert exchange.certificates


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://Shop.Example", "http://shop.example/"),
        ("HTTP://shop.example:80/a b?c=d e#f", "http://shop.example/a%20b?c=d%20e"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://me:pw@[::1]:8443/%41?x=[1]", "https://[::1]:8443/%41?x=[1]"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
    ],
)
def test_a_url_is_read_into_one_spelling(written: str, read: str) -> None:
    assert read_url(written).text == read


@pytest.mark.parametrize(
    "url", ["", "shop.example", "ftp://a/", "http://", "http://a:0/", "http://a:x/", "http://a\\b/"]
)
def test_what_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_url(url)
