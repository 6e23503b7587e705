"""Logging in by an OpenID provider: a real one's answers, and all that could be wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fakes.door import NO_AUTHORITY, Served, auth, served, web
from fakes.openid import CLIENT, SECRET, OpenId, openid

from prober.clock import MovedClock


def there(url: str) -> httpx.Response:
    """What the provider answers to somebody who is sent there."""
    return httpx.get(url, verify=NO_AUTHORITY, trust_env=False)


@dataclass
class Both:
    side: Served
    provider: OpenId

    def adopt(self, **changed: Any) -> None:
        oidc = {
            "issuer": self.provider.url,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "title": "Example SSO",
            "extra_scopes": ["groups"],
            "allow": [
                {"email": "Ada@example.org", "scopes": ["read"]},
                {"domain": "example.org", "scopes": ["ack"]},
                {"group": "sre", "scopes": ["admin"]},
            ],
            **changed,
        }
        self.side.access.adopt(web(public_url=self.side.url, auth=auth(oidc=oidc)))

    def log_in(self, browser: httpx.Client, **query: str) -> httpx.Response:
        """The whole way; the answer of our own last page."""
        to_provider = browser.get("/login/oidc", params=query)
        if to_provider.status_code != 303:
            return to_provider
        back = there(to_provider.headers["location"])
        return browser.get(back.headers["location"])


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenId]:
    with openid(MovedClock()) as provider:
        yield provider


@pytest.fixture
def both(provider: OpenId) -> Iterator[Both]:
    fresh = OpenId(provider.clock)
    provider.claims, provider.bend, provider.metadata, provider.algorithm = fresh.claims, fresh.bend, {}, "RS256"
    provider.keys, provider.signing = provider.keys[:1], provider.keys[0]
    provider.asked.clear()
    with served(web(auth=auth())) as side:
        both = Both(side, provider)
        both.adopt()
        yield both


def test_somebody_who_is_allowed_comes_in_and_back_to_where_they_were(both: Both) -> None:
    with both.side.browser() as browser:
        assert 'href="login/oidc?next=/act"' in browser.get("/login", params={"next": "/act"}).text
        answer = both.log_in(browser, next="/act?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "../../act?x=1")
        assert browser.get("/act").text.startswith("ada@example.org|ack,read|")
        assert "prober_oidc" not in browser.cookies


def test_each_log_in_has_a_state_nonce_and_challenge_of_its_own(both: Both) -> None:
    seen = set()
    for _ in range(2):
        with both.side.browser() as browser:
            answer = browser.get("/login/oidc")
            query = parse_qs(urlsplit(answer.headers["location"]).query)
            seen |= {query[name][0] for name in ("state", "nonce", "code_challenge")}
            assert query["redirect_uri"] == [f"{both.side.url}/login/oidc/callback"]
            cookie = answer.headers["set-cookie"]
            assert ("HttpOnly" in cookie, "SameSite=lax" in cookie, "Max-Age=600" in cookie) == (True, True, True)
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"email": "bob@example.org", "email_verified": True}, "bob@example.org|ack|"),
        ({"email": "bob@EXAMPLE.org", "email_verified": True, "groups": ["dev", "sre"]}, "bob@EXAMPLE.org|ack,admin|"),
        ({"groups": ["sre"]}, "42|admin|"),
        ({"groups": "sre", "email": "eve@evil.example", "email_verified": False}, "42|admin|"),
        ({"email": "ada@example.org", "email_verified": False}, None),
        ({"email": "ada@example.org", "email_verified": "true"}, None),
        ({"email": "ada@example.org"}, None),
        ({"email": "ada@sub.example.org", "email_verified": True}, None),
        ({"email": "ada@example.org.evil.example", "email_verified": True}, None),
        ({"email": "ada@example.org@evil.example", "email_verified": True}, None),
        ({"email": ["ada@example.org"], "email_verified": True}, None),
        ({"groups": ["SRE", {"sre": 1}, None]}, None),
        ({}, None),
    ],
)
def test_who_is_allowed_is_what_the_provider_has_verified(
    both: Both, claims: dict[str, Any], expected: str | None
) -> None:
    both.provider.claims = {"sub": "42", **claims}
    with both.side.browser() as browser:
        answer = both.log_in(browser)
        if expected is None:
            assert (answer.status_code, "not allowed here" in answer.text) == (403, True)
            assert browser.get("/act").status_code == 303
        else:
            assert answer.status_code == 303
            assert browser.get("/act").text.startswith(expected)


def gone(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims.pop(name)


def set_to(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims.update(values)


@pytest.mark.parametrize(
    "bend",
    [
        set_to(iss="https://evil.example"),
        set_to(aud="another-client"),
        set_to(aud=["another-client"]),
        set_to(aud=[CLIENT, "another-client"], azp="another-client"),
        set_to(nonce="0" * 64),
        set_to(exp=1_600_000_000),
        set_to(nbf=1_800_000_000),
        set_to(sub=""),
        *map(gone, ("iss", "aud", "nonce", "exp", "iat", "sub")),
    ],
)
def test_an_id_token_with_a_wrong_claim_lets_nobody_in(both: Both, bend: Callable[[dict[str, Any]], None]) -> None:
    both.provider.bend = bend
    with both.side.browser() as browser:
        assert both.log_in(browser).status_code == 403
        assert browser.get("/act").status_code == 303


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_no_private_key_signed_lets_nobody_in(both: Both, algorithm: str) -> None:
    both.provider.algorithm = algorithm
    with both.side.browser() as browser:
        assert both.log_in(browser).status_code == 403


def test_a_token_signed_by_another_key_of_that_name_lets_nobody_in(both: Both) -> None:
    both.provider.signing = both.provider.new_key("one")
    with both.side.browser() as browser:
        assert both.log_in(browser).status_code == 403


def test_a_provider_may_change_its_keys_and_is_asked_for_them_now_and_then(both: Both) -> None:
    with both.side.browser() as browser:
        assert both.log_in(browser).status_code == 303
        assert both.log_in(browser).status_code == 303
        assert (both.provider.asked.count("about"), both.provider.asked.count("keys")) == (1, 1)
        second = both.provider.new_key("two")
        both.provider.keys, both.provider.signing = [*both.provider.keys, second], second
        assert both.log_in(browser).status_code == 403  # asked for less than 30 s ago
        both.side.clock.advance(31)
        assert both.log_in(browser).status_code == 303
        assert both.provider.asked.count("keys") == 2


def test_the_answer_to_another_log_in_is_refused(both: Both) -> None:
    with both.side.browser() as browser, both.side.browser() as victim:
        leaving = browser.get("/login/oidc")
        back = there(leaving.headers["location"]).headers["location"]
        assert victim.get(back).status_code == 400  # no log-in was begun there
        victim.get("/login/oidc")
        assert victim.get(back).status_code == 400  # another one was
        assert browser.get(back.replace("state=", "state=x")).status_code == 400
        assert browser.get(back.replace("iss=http", "iss=https")).status_code == 400
        assert (
            browser.get(
                "/login/oidc/callback",
                params={"state": parse_qs(urlsplit(back).query)["state"][0], "error": "access_denied"},
            ).status_code
            == 403
        )
        both.side.clock.advance(601)
        assert browser.get(back).status_code == 400


def test_a_code_is_good_once_and_with_its_verifier_only(both: Both) -> None:
    with both.side.browser() as browser:
        leaving = browser.get("/login/oidc")
        cookie = browser.cookies["prober_oidc"]
        back = there(leaving.headers["location"]).headers["location"]
        assert browser.get(back).status_code == 303
        browser.cookies.set("prober_oidc", cookie)
        assert browser.get(back).status_code == 403
    with both.side.browser() as browser:
        wrong = browser.get("/login/oidc").headers["location"].replace("code_challenge=", "code_challenge=x")
        back = there(wrong).headers["location"]
        assert browser.get(back).status_code == 403


def test_the_secret_goes_the_way_the_provider_takes_it(both: Both) -> None:
    both.provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    with both.side.browser() as browser:
        assert both.log_in(browser).status_code == 303


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "ftp://x"}, {"jwks_uri": None}, {"x": "y" * 300_000}],
    ids=["issuer", "token_endpoint", "jwks_uri", "size"],
)
def test_a_provider_that_says_strange_things_is_not_gone_to(both: Both, metadata: dict[str, Any]) -> None:
    both.provider.metadata = metadata
    with both.side.browser() as browser:
        assert browser.get("/login/oidc").status_code == 403


def test_a_provider_that_is_away_is_said_to_be(both: Both) -> None:
    both.adopt(issuer="http://127.0.0.1:1")
    with both.side.browser() as browser:
        assert browser.get("/login/oidc").status_code == 502


def test_taking_somebody_off_the_list_ends_their_session(both: Both) -> None:
    with both.side.browser() as browser:
        both.log_in(browser)
        both.adopt(allow=[{"email": "grace@example.org"}])
        assert browser.get("/act").status_code == 303
        both.adopt(client_id="another-client")
        assert browser.get("/act").status_code == 303
        both.adopt()
        assert browser.get("/act").status_code == 200
