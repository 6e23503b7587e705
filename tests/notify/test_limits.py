"""What the most hostile texts come to on each service: bounded, escaped, whole, mentioning nobody."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from fakes.alerts import EVERY_KIND, HOSTILE, TRIGGER

from prober.model import Notice, NoticeKind
from prober.notify import apprise, discord, ntfy, opsgenie, pagerduty, sns, teams, telegram
from prober.notify._alerts import labels, remarks
from prober.notify._posting import encoded
from prober.notify._texts import clean, cut, cut_bytes, link, short_key, width
from prober.notify.slack.message import code, escape, message

KINDS = pytest.mark.parametrize("notice", [replace(HOSTILE, kind=kind) for kind in NoticeKind], ids=lambda n: n.kind)
EMPTY = replace(
    TRIGGER, title="", target="", message=" ", expected=(), tags=(), runbook=None, incident_id="", reason="", region=""
)


def texts(value: object, key: str = "") -> list[str]:
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in texts(item, name)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item, key)]
    return [value] if isinstance(value, str) else []


@KINDS
def test_slack_is_bounded_escaped_and_mentions_nobody(notice: Notice) -> None:
    said = message(notice)
    body = said["attachments"][0]["blocks"]
    shown = [*texts(said["blocks"]), *texts(body)]
    for text in texts(said):
        assert "<!channel>" not in text
        assert "<https://evil" not in text
        assert len(text) <= 3_000
    assert "@here" not in said["text"] + said["blocks"][0]["text"]["text"]
    assert len(said["blocks"][0]["text"]["text"]) <= 150
    assert all(len(block.get("fields", ())) <= 10 for block in body)
    assert all(len(field["text"]) <= 2_000 for block in body for field in block.get("fields", ()))
    assert sum(map(len, shown)) < 13_000
    assert len(said["text"].encode()) < 4_000


@KINDS
def test_slack_keeps_code_spans_and_links_whole(notice: Notice) -> None:
    for block in message(notice)["attachments"][0]["blocks"]:
        for text in texts(block):
            assert text.count("`") % 2 == 0
            assert text.count("<") == text.count(">")


@KINDS
def test_discord_is_bounded_field_by_field_and_in_all(notice: Notice) -> None:
    said = discord.payload(notice)
    (embed,) = said["embeds"]
    assert said["allowed_mentions"] == {"parse": []}
    assert width(embed["title"]) <= 256
    assert width(embed["description"]) <= 4_096
    assert len(embed["fields"]) <= 25
    assert all(0 < width(field["name"]) <= 256 and 0 < width(field["value"]) <= 1_024 for field in embed["fields"])
    counted = [embed["title"], embed["description"], *(text for field in embed["fields"] for text in texts(field))]
    assert sum(map(width, counted)) <= 6_000
    assert "@everyone" not in embed["title"]
    assert "[click](" not in embed["title"]


@KINDS
def test_teams_fits_its_28_kilobytes_and_shows_no_markdown(notice: Notice) -> None:
    said = teams.payload(notice)
    card = said["attachments"][0]["content"]
    assert len(encoded(said)) < 28_000
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert all(action["url"].startswith("https://") for action in card["actions"])
    assert len(card["actions"]) <= 6


class Page(HTMLParser):
    """Which tags a text opens and closes, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.seen: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@KINDS
def test_telegram_is_bounded_and_every_tag_is_its_own_and_closed(notice: Notice) -> None:
    said = telegram.payload(notice)["text"]
    page = Page(said)
    assert 0 < width(said) <= 4_096
    assert page.open == []
    assert page.seen <= {"b", "i", "a", "code"}
    assert all(link.startswith("https://") and "evil" not in link for link in page.links)
    for entity in said.split("&")[1:]:
        assert entity.startswith(("amp;", "lt;", "gt;", "quot;"))


@KINDS
def test_pagerduty_is_bounded(notice: Notice) -> None:
    event = pagerduty.payload(notice)
    assert len(encoded(event)) < 512_000
    assert len(event["dedup_key"]) <= 255
    if notice.kind is not NoticeKind.RESOLVE:
        assert 0 < len(event["payload"]["summary"]) <= 1_024
        assert event["payload"]["severity"] == "error"
        assert all(picture["src"].startswith("https://") for picture in event["images"])
        assert "javascript" not in json.dumps([event["links"], event["images"]])


@KINDS
def test_opsgenie_is_bounded(notice: Notice) -> None:
    alert = opsgenie.payload(notice)
    assert 0 < len(alert["message"]) <= 130
    assert len(alert["alias"]) <= 512
    assert len(alert["description"]) <= 15_000
    assert len(alert["tags"]) <= 20
    assert all(len(tag) <= 50 for tag in alert["tags"])
    assert sum(len(name) + len(value) for name, value in alert["details"].items()) <= 8_000
    assert len(opsgenie.closing(notice)["note"]) <= 25_000


@KINDS
def test_ntfy_is_bounded(notice: Notice) -> None:
    said = ntfy.payload(notice)
    assert 0 < len(said["message"].encode()) <= 4_096
    assert len(said["title"]) <= 250
    assert len(said["actions"]) <= 3
    assert 1 <= said["priority"] <= 5


@KINDS
def test_sns_subjects_are_printable_ascii_of_one_line(notice: Notice) -> None:
    said = sns.payload(notice, "arn:aws:sns:eu-west-1:123456789012:ops.fifo")
    assert said["Subject"].isascii()
    assert said["Subject"].isprintable()
    assert 0 < len(said["Subject"]) <= 100
    assert len(said["Message"].encode()) <= 256_000
    assert max(len(said["MessageGroupId"]), len(said["MessageDeduplicationId"])) <= 128


@KINDS
def test_apprise_gets_plain_text_of_a_few_kilobytes(notice: Notice) -> None:
    said = apprise.payload(notice)
    assert len(said["body"].encode()) <= 4_000
    assert "\n" not in said["title"]


@KINDS
def test_alertmanager_gets_bounded_labels_and_annotations(notice: Notice) -> None:
    assert all(0 < len(value) <= 300 for value in labels(notice, {}).values())
    assert all(len(value) <= 100_000 for value in remarks(notice).values())


def test_a_notice_that_says_next_to_nothing_makes_no_empty_texts_which_services_refuse() -> None:
    said: list[Any] = [message(EMPTY), discord.payload(EMPTY)["embeds"][0]["fields"], teams.payload(EMPTY)]
    assert all(text.strip() for text in texts(said))
    for body in (telegram.payload(EMPTY)["text"], ntfy.payload(EMPTY)["message"], apprise.payload(EMPTY)["body"]):
        assert body.strip()
    assert pagerduty.payload(EMPTY)["payload"]["source"] == EMPTY.check_id


def test_only_characters_that_show_themselves_stay() -> None:
    assert clean("a\r\nb\x00\x1b[31m\u202egnp.exe\u2066\u200b\ud800\U000e0041 \N{PILE OF POO}\u200d") == (
        "a b [31m gnp.exe \N{PILE OF POO}\u200d"
    )


def test_no_spelling_is_cut_in_half() -> None:
    assert escape("&" * 100, 42) == "&amp;" * 8 + "…"
    assert escape("&" * 8, 40) == "&amp;" * 8
    assert code("`" * 100, 10) == "`" + "ˋ" * 7 + "…`"


@pytest.mark.parametrize("text", ["", "a", "abc", "abcd", "\N{PILE OF POO}" * 5, "a\N{PILE OF POO}b\N{PILE OF POO}"])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 10])
def test_a_cut_text_is_never_wider_than_its_limit(text: str, limit: int) -> None:
    assert width(cut(text, limit)) <= limit
    if width(text) <= limit:
        assert cut(text, limit) == text


def test_bytes_are_cut_between_characters() -> None:
    assert cut_bytes("\N{PILE OF POO}" * 10, 16) == "\N{PILE OF POO}" * 3 + "…"
    assert cut_bytes("short", 16) == "short"


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://wiki.example/a|b>c\"d e'f<g`h", "https://wiki.example/a%7Cb%3Ec%22d%20e'f%3Cg%60h"),
        ("javascript:alert(1)", ""),
        ("s3://bucket/key", ""),
        ("https://h.example/" + "a" * 1_000, ""),
        ("https://h.example/?a=1&b=%20#c", "https://h.example/?a=1&b=%20#c"),
        ("", ""),
    ],
)
def test_what_is_linked_is_whole_and_opens_in_a_browser(url: str, linked: str) -> None:
    assert link(url) == linked


def test_a_long_key_is_hashed_to_the_same_every_time() -> None:
    assert short_key("shop/5f2b", 255) == "shop/5f2b"
    assert short_key("x" * 300, 255) == short_key("x" * 300, 255) != short_key("x" * 301, 255)


@pytest.mark.parametrize("notice", EVERY_KIND, ids=lambda notice: notice.kind)
def test_texts_that_need_no_cutting_are_whole_everywhere(notice: Notice) -> None:
    for said in (message(notice), discord.payload(notice), teams.payload(notice), telegram.payload(notice)):
        assert "…" not in json.dumps(said, ensure_ascii=False)
