"""What people announce: in Markdown files that are read again, and by the API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from fakes.alerts import AT
from fakes.pages import World, found, served
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from prober.history import Stretch
from prober.store import Announced
from prober.web.auth import Scope, Who
from prober.web.status.bulletin import read_announcement
from prober.web.status.marking import marked_up

FILE = """---
title: Payments are slow
kind: outage
starts: 2023-11-14 22:00
components: [payments]
---
Some payments take **longer**.

## 2023-11-14 22:05 Investigating
We are looking.

## 2023-11-14 22:10 Identified
It is the bank.
"""
COMPONENTS = frozenset({"payments", "website"})


def news(client: httpx.Client) -> list[tuple[str, bool, list[str]]]:
    """What the page says was announced: title, whether it is over, and the states of its updates."""
    body = client.get("/status/main.json").json()
    return [
        (one["title"], one["ended_at"] is not None, [update["state"] for update in one["updates"]])
        for one in body["incidents"]
    ]


# Files.


def test_a_file_is_an_announcement_with_its_updates(world: World, client: httpx.Client) -> None:
    world.news("slow", FILE)
    assert news(client) == [("Payments are slow", False, ["Identified", "Investigating", "Outage"])]
    page = client.get("/status/main").text
    assert "<p>Some payments take <strong>longer</strong>.</p>" in page
    assert "Partial outage" in page


def test_a_file_that_changed_is_read_again_and_one_that_is_gone_is_not_shown(
    world: World, client: httpx.Client
) -> None:
    world.news("slow", FILE)
    client.get("/status/main")
    world.news("slow", FILE + "\n## 2023-11-14 22:12 Resolved\nPaid.\n")
    world.pass_time()
    assert news(client) == [("Payments are slow", True, ["Resolved", "Identified", "Investigating", "Outage"])]
    (world.loaded.base / "news" / "slow.md").unlink()
    world.pass_time()
    assert news(client) == []


def test_a_file_that_became_unreadable_says_what_it_said(
    world: World, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    world.news("slow", FILE)
    client.get("/status/main")
    world.news("slow", FILE.replace("kind: outage", "kind: desaster"))
    world.pass_time()
    assert news(client) == [("Payments are slow", False, ["Identified", "Investigating", "Outage"])]
    assert "an announcement cannot be used" in caplog.text


def test_what_is_planned_is_shown_as_maintenance_until_it_begins(world: World, client: httpx.Client) -> None:
    text = FILE.replace("outage", "maintenance").replace("22:00", "23:00\nends: 2023-11-15 01:00").split("##")[0]
    world.news("plan", text)
    body = client.get("/status/main.json").json()
    assert [(one["title"], one["components"]) for one in body["maintenance"]] == [("Payments are slow", ["Payments"])]
    assert body["incidents"] == []
    world.pass_time(3_600.0)
    body = client.get("/status/main.json").json()
    assert (body["maintenance"], body["sentence"]) == ([], "Maintenance under way")
    world.pass_time(7_200.0)
    assert client.get("/status/main.json").json()["sentence"] == "All systems operational"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("---\n", "", 1), "expected front matter"),
        (("title: Payments are slow", "title: "), "title: expected one line"),
        (("title: Payments are slow", "title: [a]"), "title: expected a text"),
        (("outage", "desaster"), "none of outage, warning, information, maintenance, resolved"),
        (("2023-11-14 22:00", "tomorrow"), "expected a date and time such as 2026-11-25 10:05"),
        (("starts: 2023-11-14 22:00\n", ""), "expected a date and time"),
        (("[payments]", "[private]"), "no component 'private'; there are payments, website"),
        (("[payments]", "{a: b}"), "components: expected a list"),
        (("kind:", "kinds:"), "'kinds' is none of title, kind"),
        (("title: Payments are slow", "title: &a [*a]"), "front matter"),
    ],
)
def test_a_wrong_file_is_told_of_in_a_line(changed: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("[", r"\[")) as raised:
        read_announcement("main", "x", FILE.replace(*changed), COMPONENTS)
    assert "\n" not in str(raised.value)


def test_moments_are_utc_unless_they_say_another_zone() -> None:
    utc = read_announcement("main", "x", FILE, COMPONENTS)
    berlin = read_announcement("main", "x", FILE.replace("22:00", "23:00+01:00"), COMPONENTS)
    assert utc.starts_at == berlin.starts_at == AT - 800
    assert utc.kind is Announced.OUTAGE


def test_a_folder_of_many_large_files_stays_bounded(world: World, client: httpx.Client) -> None:
    world.news("large", FILE + "x" * 70_000)
    os.mkfifo(world.loaded.base / "news" / "notes.txt")
    assert news(client) == []


# What Markdown may become.


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onmouseover=alert(1)>b</b>",
        "![x](https://evil.example/p.png)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html,<script>)",
        "[x](vbscript:x)",
        "[x](file:///etc/passwd)",
        "[x](//evil.example)",
        "[x](/status/main)",
        "<javascript:alert(1)>",
        '[x](https://a.example/"onclick="alert(1))',
        '[x](https://a.example "t\\"onclick=\\"a")',
        "```html\n<script>\n```",
        "[x]: javascript:alert(1)\n[x]",
        "<!-- <script> -->",
        "<svg/onload=alert(1)>",
    ],
)
def test_markdown_never_becomes_what_could_run(text: str) -> None:
    for tag, attributes in Tags(marked_up(text)).found:
        assert tag in {"p", "a", "code", "pre", "strong", "em"}, tag
        assert attributes.keys() <= {"href", "rel", "title", "class"}
        assert (attributes.get("href") or "https:").startswith(("https:", "http:", "mailto:"))


def test_markdown_makes_links_lists_and_no_headings() -> None:
    html = marked_up("# Big\n\n- [us](https://example.com)\n- <mailto:a@example.com>\n\n1. x")
    assert html.startswith("<p><strong>Big</strong></p>")
    assert '<a href="https://example.com" rel="nofollow noopener">us</a>' in html
    assert 'href="mailto:a@example.com"' in html
    assert "<h1" not in html


# The API.


class KnownAs:
    """The door, which has let somebody in."""

    who = Who("", frozenset())

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        scope["prober.who"] = KnownAs.who
        await self._app(scope, receive, send)


@pytest.fixture
def known(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client that may acknowledge and read."""
    monkeypatch.setattr(KnownAs, "who", Who("ops", frozenset({Scope.ACK, Scope.READ})))
    with served(world, Middleware(KnownAs)) as client:
        yield client


ANNOUNCEMENTS = "/api/v1/status-pages/main/announcements"
UPDATES = "/api/v1/status-pages/main/updates"


def test_what_the_api_announces_is_on_the_page_within_a_second(world: World, known: httpx.Client) -> None:
    assert news(known) == []
    given = {"title": "Slow", "kind": "warning", "text": "Hm.", "components": ["website"]}
    made = known.post(ANNOUNCEMENTS, json=given)
    assert made.status_code == 201
    world.pass_time(1.0)
    assert news(known) == [("Slow", False, ["Warning"])]
    identity = made.json()["id"]
    said = known.post(UPDATES, json={"about": identity, "state": "Resolved", "text": "Done.", "ends": True})
    assert (said.status_code, said.json()["ends_at"]) == (201, "2023-11-14T22:13:21.000Z")
    world.pass_time(1.0)
    assert news(known) == [("Slow", True, ["Resolved", "Warning"])]
    assert [one["id"] for one in known.get(ANNOUNCEMENTS).json()["items"]] == [identity]
    assert known.delete(f"{ANNOUNCEMENTS}/{identity}").status_code == 204
    assert known.delete(f"{ANNOUNCEMENTS}/{identity}").status_code == 404
    world.pass_time(1.0)
    assert news(known) == []


def test_people_may_add_to_an_incident_that_was_found(world: World, known: httpx.Client) -> None:
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT)
    world.past.kept = [found("private-pay", AT - 600)]
    public = known.get("/status/main.json").json()["incidents"][0]["id"]
    assert known.post(UPDATES, json={"about": public, "state": "Identified", "text": "The bank."}).status_code == 201
    world.pass_time()
    assert known.post(UPDATES, json={"about": public, "state": "Monitoring", "text": "Better."}).status_code == 201
    world.pass_time()
    assert news(known) == [("Payments: outage in Europe", False, ["Monitoring", "Identified", "Detected"])]
    refused = known.post(UPDATES, json={"about": public, "state": "Resolved", "ends": True})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.ends")


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (ANNOUNCEMENTS, {"kind": "outage"}, 422, "body.title"),
        (ANNOUNCEMENTS, {"title": "x", "kind": "desaster"}, 422, "body.kind"),
        (ANNOUNCEMENTS, {"title": "x", "components": ["private-pay"]}, 422, "there are payments, website"),
        (ANNOUNCEMENTS, {"title": "x", "starts_at": "soon"}, 422, "body.starts_at"),
        (ANNOUNCEMENTS, {"title": "x", "ends_at": "2020-01-01T00:00:00Z"}, 422, "ends before it begins"),
        (ANNOUNCEMENTS, {"title": "x", "more": 1}, 422, "body.more"),
        (ANNOUNCEMENTS, {"title": "x", "text": "x" * 70_000}, 413, "65536 bytes"),
        (ANNOUNCEMENTS, [], 422, "body"),
        (UPDATES, {"about": "nothing", "state": "x"}, 404, "no announcement and no incident"),
        (ANNOUNCEMENTS.replace("main", "nowhere"), {"title": "x"}, 404, "no status page"),
    ],
)
def test_what_makes_no_sense_is_a_problem_that_says_so(
    known: httpx.Client, path: str, body: Any, status: int, said: str
) -> None:
    answer = known.post(path, json=body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert said in answer.text


def test_bodies_are_json_and_say_so(known: httpx.Client) -> None:
    assert known.post(ANNOUNCEMENTS, content=b"title=x").status_code == 415
    assert known.post(ANNOUNCEMENTS, content=b"{", headers={"content-type": "application/json"}).status_code == 400


def test_scopes_decide_who_may(known: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KnownAs, "who", Who("reader", frozenset({Scope.READ})))
    assert known.get(ANNOUNCEMENTS).status_code == 200
    assert known.post(ANNOUNCEMENTS, json={"title": "x"}).status_code == 403
    monkeypatch.setattr(KnownAs, "who", Who("", frozenset()))
    assert known.get(ANNOUNCEMENTS).status_code == 401


def test_who_is_known_by_a_cookie_brings_what_only_our_pages_know(
    known: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KnownAs, "who", Who("ops", frozenset(Scope), csrf="t0ken"))
    cookie = {"cookie": "session=ops"}
    assert known.post(ANNOUNCEMENTS, json={"title": "x"}, headers=cookie).status_code == 403
    brought = {**cookie, "x-csrf-token": "t0ken"}
    assert known.post(ANNOUNCEMENTS, json={"title": "x"}, headers=brought).status_code == 201
