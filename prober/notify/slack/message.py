"""A notice as a Slack message: a header, and blocks beside a bar of colour.

What a target said stands in code spans, escaped and cut to Slack's limits: header 150 characters, field 2,000,
section 3,000, about 13,000 in all, and 4,000 bytes for the text of an update.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prober.model import Notice
from prober.notify._texts import cut
from prober.notify._wording import Fact, Tone, facts, headline, links, members, seen, summary, tone, unmet

HEADER_CHARS = 150
FALLBACK_CHARS = 700
SEEN_CHARS = 800
LINE_CHARS = 400
FIELD_CHARS = 220
MEMBER_CHARS = 130
NOTE_CHARS = 400
LINKS_CHARS = 1_500
FIELDS = 10  # of one section; Slack refuses more

_COLOURS = {Tone.BAD: "#d92d20", Tone.POOR: "#f79009", Tone.GOOD: "#12b76a"}
_MARKS = {Tone.BAD: ":red_circle:", Tone.POOR: ":large_yellow_circle:", Tone.GOOD: ":large_green_circle:"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# A zero-width space behind the at sign: "@here" is a mention wherever a workspace looks for names in texts.
_IN_TEXT = {**_ENTITIES, "@": "@\u200b", "`": "ˋ"}
_IN_CODE = {**_ENTITIES, "`": "ˋ"}


def message(notice: Notice) -> dict[str, Any]:
    """The message: blocks for people, ``text`` for notifications and readers that show no blocks."""
    fallback = escape(summary(notice), FALLBACK_CHARS)
    bar = {"color": _COLOURS[tone(notice)], "fallback": fallback, "blocks": _body(notice)}
    return {
        "text": f"{_MARKS[tone(notice)]} {fallback}",
        "blocks": [{"type": "header", "text": {"type": "plain_text", "text": escape(headline(notice), HEADER_CHARS)}}],
        "attachments": [bar],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def escape(text: str, limit: int) -> str:
    """``text`` for Slack, at most ``limit`` characters long: entities escaped and whole, mentions made harmless."""
    return cut(text, limit, _IN_TEXT)


def code(text: str, limit: int) -> str:
    """``text`` in a code span, where Slack formats and links nothing; backticks cannot end it."""
    return f"`{cut(text, limit - 2, _IN_CODE) or ' '}`"


def _body(notice: Notice) -> list[dict[str, Any]]:
    shown = facts(notice)
    fields, rest = shown[:FIELDS], shown[FIELDS:]
    blocks = [
        _section([code(seen(notice), SEEN_CHARS)] if seen(notice) else []),
        _section([f"• {code(line, LINE_CHARS)}" for line in unmet(notice)]),
        _section([f"• {code(line, MEMBER_CHARS)}" for line in members(notice)]),
        {"type": "section", "fields": [_mrkdwn(f"*{fact.label}*\n{_value(fact)}") for fact in fields]},
        _section([f":information_source: {escape(notice.note, NOTE_CHARS)}"] if notice.note.strip() else []),
        _section([_links(notice)]),
        _context([f"{fact.label.lower()} {_value(fact)}" for fact in rest]),
    ]
    return [block for block in blocks if block]


def _value(fact: Fact) -> str:
    if fact.at is not None:
        return f"<!date^{int(fact.at)}^{{date_short_pretty}} {{time_secs}}|{fact.value}>"
    return code(fact.value, FIELD_CHARS)


def _links(notice: Notice) -> str:
    shown = ""
    for link in links(notice):
        # A URL that was cut leads nowhere, so what does not fit is left out.
        more = f"{' · ' if shown else ''}<{link.url.replace('&', '&amp;')}|{escape(link.label, 80)}>"
        shown += more if len(shown) + len(more) <= LINKS_CHARS else ""
    return shown


def _section(lines: Sequence[str]) -> dict[str, Any]:
    text = "\n".join(filter(None, lines))
    return {"type": "section", "text": _mrkdwn(text)} if text else {}


def _context(parts: Sequence[str]) -> dict[str, Any]:
    return {"type": "context", "elements": [_mrkdwn(" · ".join(parts))]} if parts else {}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}
