"""Status pages over a real socket: what browsers, caches, feed readers and other sites get."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

import feedparser
import httpx
import pytest
from fakes.alerts import AT
from fakes.pages import PAGE, World, found, served
from fakes.storing import until

from prober.config.status_pages import DARK, LIGHT, Component
from prober.history import Stretch
from prober.store import Announced, Announcement, Update
from prober.web.status.badges import drawn, percent
from prober.web.status.public import WORDS, PublicComponent, State

NASTY = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
Make = Callable[..., World]


class Page(HTMLParser):
    """The tags and attributes of a page, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_page_says_how_everything_is(world: World, client: httpx.Client) -> None:
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT)
    world.past.kept = [found("private-pay", AT - 600)]
    answer = client.get("/status/main")
    assert answer.status_code == 200
    page = Page(answer.text)
    for words in ("Partial outage", "Website", "Payments: outage in Europe", "Where you buy", "7 days", "2023-11-14"):
        assert words in page.words, words
    assert "script" not in page.tags
    assert not [link for link in page.links if link.startswith("//")]
    assert [link for link in page.links if link.startswith("http")] == ["https://www.example.com"]


def test_a_page_has_a_policy_that_lets_nothing_in_from_elsewhere(client: httpx.Client) -> None:
    policy = client.get("/status/main").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "frame-ancestors 'none'" in policy


def test_what_is_not_there_is_not_found(client: httpx.Client) -> None:
    for path in ("nowhere", "nowhere.json", "nowhere/feed.rss", "nowhere/style.css", "main/logo", "main/feed.json"):
        assert client.get(f"/status/{path}").status_code == 404, path
    for path in ("nowhere/state.svg", "website/nothing.svg", "website/p95.svg", "private-pay/state.svg"):
        assert client.get(f"/status/main/badges/{path}").status_code == 404, path


def test_a_page_is_made_at_most_once_a_second_whoever_asks(world: World, client: httpx.Client) -> None:
    client.get("/status/main")
    asked = world.past.asked
    for path in ("main", "main.json", "main/feed.rss", "main/badges/website/state.svg") * 5:
        assert client.get(f"/status/{path}").status_code == 200
    assert world.past.asked == asked
    world.pass_time(1.0)
    client.get("/status/main")
    assert world.past.asked == 2 * asked


def test_many_who_come_at_once_have_it_made_once(world: World, client: httpx.Client) -> None:
    client.get("/status/main")
    asked = world.past.asked
    world.pass_time()
    threads = [threading.Thread(target=client.get, args=("/status/main",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.past.asked == 2 * asked


def test_whoever_comes_while_the_first_page_is_made_waits_for_it(world: World, client: httpx.Client) -> None:
    world.past.gate = threading.Event()
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(client.get("/status/main").status_code)) for _ in range(3)]
    threads[0].start()
    until(lambda: world.past.asked > 0)
    for thread in threads[1:]:
        thread.start()
    world.past.gate.set()
    for thread in threads:
        thread.join()
    assert seen == [200, 200, 200]


def test_a_feed_without_a_public_address_leads_where_it_is_listened_on(make: Make) -> None:
    world = make(PAGE.replace("  public_url: https://status.example\n", "").replace("  subscribe:", "  #"))
    with served(world) as client:
        feed = client.get("/status/main/feed.atom", headers={"host": "evil.example"}).text
    assert "evil.example" not in feed
    assert f'href="{str(client.base_url).rstrip("/")}/status/main"' in feed


def test_who_has_a_page_is_told_so_while_it_says_the_same(world: World, client: httpx.Client) -> None:
    first = client.get("/status/main")
    assert first.headers["cache-control"] == "public, max-age=10"
    world.pass_time(2.0)
    again = client.get("/status/main", headers={"if-none-match": f'"x", {first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT + 600)
    world.pass_time(2.0)
    assert client.get("/status/main", headers={"if-none-match": first.headers["etag"]}).status_code == 200


def test_while_the_store_is_away_the_page_stays_for_an_hour(world: World, client: httpx.Client) -> None:
    first = client.get("/status/main").text
    world.past.away = True
    world.pass_time(3_000.0)
    assert client.get("/status/main").text == first
    world.pass_time(700.0)
    assert client.get("/status/main").status_code == 503
    world.past.away = False
    world.pass_time(1.0)
    assert client.get("/status/main").status_code == 200


def test_the_json_says_the_same(world: World, client: httpx.Client) -> None:
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT)
    world.past.kept = [found("private-pay", AT - 600)]
    answer = client.get("/status/main.json")
    assert answer.headers["access-control-allow-origin"] == "*"
    body = answer.json()
    assert (body["state"], body["sentence"]) == ("partial_outage", "Partial outage")
    payments = body["groups"][0]["components"][1]
    assert (payments["id"], payments["state"], payments["days"][-1]["down_s"]) == ("payments", "major_outage", 600)
    assert body["incidents"][0]["title"] == "Payments: outage in Europe"
    assert json.dumps(body).count("private") == 0


def test_names_that_are_markup_stay_text(make: Make) -> None:
    text = PAGE.replace("title: Example status", f"title: {json.dumps(NASTY)}")
    text = text.replace("name: Payments, checks", f"name: {json.dumps(NASTY)}, id: pay, checks")
    world = make(text)
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT)
    world.past.kept = [found("private-pay", AT - 600)]
    with served(world) as client:
        page = Page(client.get("/status/main").text)
        badge = client.get("/status/main/badges/pay/state.svg").text
        feed = client.get("/status/main/feed.rss").text
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert page.words.count(NASTY) >= 4
    assert "<script" not in badge
    ElementTree.fromstring(badge)
    assert "<script" not in feedparser.parse(feed).entries[0].description


# Looks.


def test_colours_of_ones_own_come_after_those_of_the_style(make: Make) -> None:
    world = make(
        PAGE.replace(
            "title: Example status", 'title: E\n      colours: {light: {accent: "#7a1fa2", ground: "#ffffff"}}'
        )
    )
    with served(world) as client:
        style = client.get("/status/main/style.css")
    assert style.headers["content-type"].startswith("text/css")
    own = style.text.rindex(":root { --accent: #7a1fa2; --ground: #ffffff; }")
    assert own > style.text.index("--accent: #0b57d0")
    assert style.text.rindex("#8ab4f8") > own


def test_the_style_has_the_colours_that_contrast_is_reckoned_by(client: httpx.Client) -> None:
    light, dark = client.get("/status/main/style.css").text.split("@media", 2)[:2]
    for text, colours in ((light, LIGHT), (dark, DARK)):
        for name, colour in colours.items():
            assert f"--{name}: {colour};" in text, name


# Badges.


def test_badges_say_uptime_state_and_latency(world: World, client: httpx.Client) -> None:
    world.past.was("private-pay", Stretch.DOWN, AT - 86_400, AT - 80_000)
    said = {}
    for kind in ("uptime-7d", "uptime-90d", "state", "p95"):
        path = f"/status/main/badges/payments/{kind}.svg"
        answer = client.get(path)
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        said[kind] = ElementTree.fromstring(answer.text).attrib["aria-label"]
        known = client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert known.status_code == 304
    assert said["state"] == "Payments: operational"
    assert said["p95"] == "Payments p95: 250ms"
    assert said["uptime-7d"].startswith("Payments uptime 7d: 98.")
    assert said["uptime-90d"].startswith("Payments uptime 90d: 99.91")


def test_a_latency_is_asked_for_once_a_minute(world: World, client: httpx.Client) -> None:
    client.get("/status/main/badges/payments/p95.svg")
    world.past.p95_s = 0.5
    world.pass_time(30.0)
    assert "250ms" in client.get("/status/main/badges/payments/p95.svg").text
    world.pass_time(40.0)
    assert "500ms" in client.get("/status/main/badges/payments/p95.svg").text


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(None, "no data"), (1.0, "100 %"), (0.99999, "99.99 %"), (0.9, "90.00 %"), (0.0, "0.00 %"), (0.9995, "99.95 %")],
)
def test_an_uptime_is_never_rounded_up(ratio: float | None, said: str) -> None:
    assert percent(ratio) == said


def test_a_badge_is_bounded_and_escaped() -> None:
    svg = drawn(NASTY * 10, "\x00\x1b</text>", "#000")
    assert len(svg) < 2_000
    assert [one.tag.rpartition("}")[2] for one in ElementTree.fromstring(svg).iter()].count("text") == 2


def test_every_state_has_a_word_for_people() -> None:
    assert set(WORDS) == set(State)
    assert PublicComponent("a", "A", "", State.PARTIAL, (), {}).word == "Partial outage"
    assert Component(name="Söme Thing!", checks=("x",)).key == "s-me-thing"


# Feeds.


def announced(world: World) -> None:
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT - 60)
    world.past.kept = [found("private-pay", AT - 600, AT - 60)]
    world.store.announce(
        Announcement(
            "1", "main", "Cards & more", Announced.WARNING, AT - 300, text="See [us](https://example.com/?a=1&b=2)"
        )
    )
    world.store.add_update("main", "1", Update(AT - 100, "Identified", "It is \x01 *this*."), None)


@pytest.mark.parametrize(("kind", "version"), [("rss", "rss20"), ("atom", "atom10")])
def test_feeds_are_valid_and_have_an_entry_for_everything_that_was_said(
    world: World, client: httpx.Client, kind: str, version: str
) -> None:
    announced(world)
    answer = client.get(f"/status/main/feed.{kind}")
    feed = feedparser.parse(answer.content)
    assert (feed.bozo, feed.version) == (False, version)
    assert answer.headers["content-type"].startswith(f"application/{kind}+xml")
    assert [entry.title for entry in feed.entries] == [
        "Resolved: Payments: outage in Europe",
        "Identified: Cards & more",
        "Warning: Cards & more",
        "Detected: Payments: outage in Europe",
    ]
    assert all(entry.link.startswith("https://status.example/status/main#") for entry in feed.entries)
    assert len({entry.id for entry in feed.entries}) == 4
    assert feed.feed.title == "Example status"


def test_entries_keep_their_ids_when_more_is_said(world: World, client: httpx.Client) -> None:
    announced(world)
    before = {entry.title: entry.id for entry in feedparser.parse(client.get("/status/main/feed.atom").content).entries}
    world.store.add_update("main", "1", Update(AT, "Resolved", "Done."), AT)
    world.pass_time()
    after = {entry.title: entry.id for entry in feedparser.parse(client.get("/status/main/feed.atom").content).entries}
    assert after.keys() - before.keys() == {"Resolved: Cards & more"}
    assert before.items() <= after.items()


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_a_feed_of_nothing_is_valid_and_known_to_who_has_it(client: httpx.Client, kind: str) -> None:
    answer = client.get(f"/status/bare/feed.{kind}")
    feed = feedparser.parse(answer.content)
    assert (feed.bozo, feed.entries) == (False, [])
    again = client.get(f"/status/bare/feed.{kind}", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
