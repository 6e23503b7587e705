"""Slack over an incoming webhook. What a target said stands in code spans, escaped and cut to Slack's limits."""

from __future__ import annotations

import re
from typing import Any, Literal

from prober.clock import Clock, iso
from prober.faults import Permanent
from prober.model import Notice, NoticeKind, format_duration
from prober.notify import Channel, Receipt
from prober.notify._posting import Poster, WebUrl

HEADER_CHARS = 150
FIELD_CHARS = 500
MESSAGE_CHARS = 2000
SEEN_CHARS = 180
TEXT_CHARS = 1000
EXPECTATIONS = 5

_WORDS = {
    NoticeKind.TRIGGER: (":red_circle:", "Down"),
    NoticeKind.REMINDER: (":red_circle:", "Still down"),
    NoticeKind.RESOLVE: (":large_green_circle:", "Up again"),
}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MENTION = re.compile(r"@(?=channel|here|everyone|subteam)", re.IGNORECASE)
_UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class Spec(Channel):
    """Posts to the Slack channel an incoming webhook belongs to."""

    kind: Literal["slack"]
    """slack"""
    webhook_url: WebUrl
    """The incoming webhook's URL, best as "${SLACK_WEBHOOK_URL}"."""


class Sender:
    """Posts notices to one incoming webhook."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._poster = Poster(spec.webhook_url, clock)

    async def send(self, notice: Notice) -> Receipt:
        """Post ``notice`` once. Raises Retryable, or Permanent where Slack refuses it or something else answered."""
        receipt = await self._poster.post(payload(notice))
        # A login page or a proxy answers 200 too; an empty reply is Slack's, broken off.
        if receipt.detail not in ("ok", ""):
            raise Permanent(f"answered {receipt.status}, but not as Slack does: {receipt.detail}")
        return receipt

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()


def payload(notice: Notice) -> dict[str, Any]:
    """The message: blocks for people, ``text`` for notifications and readers that show no blocks."""
    emoji, word = _WORDS[notice.kind]
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": escape(f"{word}: {notice.title}", HEADER_CHARS)}},
        {"type": "section", "fields": [_mrkdwn(f"*{name}*\n{value}") for name, value in _fields(notice)]},
        *_message(notice),
        *_expectations(notice),
        {"type": "context", "elements": [_mrkdwn(_footer(notice))]},
    ]
    summary = f"{word}: {notice.title} in {notice.region} ({notice.reason}) {notice.message}".rstrip()
    return {
        "text": f"{emoji} {escape(' '.join(summary.split()), TEXT_CHARS)}",
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def escape(text: str, limit: int) -> str:
    """``text`` for Slack, at most ``limit`` characters long: entities escaped and whole, mentions made harmless."""
    out: list[str] = []
    length = 0
    for char in _MENTION.sub("@\u200b", _UNSHOWN.sub(" ", text)):
        piece = _ENTITIES.get(char, char)
        if length + len(piece) > limit - 1:
            return "".join(out) + "…"
        out.append(piece)
        length += len(piece)
    return "".join(out)


def code(text: str, limit: int) -> str:
    """``text`` in a code span, where Slack formats and links nothing; backticks cannot end it."""
    return f"`{escape(' '.join(text.split()).replace('`', 'ˋ'), limit) or ' '}`"


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def _fields(notice: Notice) -> list[tuple[str, str]]:
    fields = [
        ("Check", code(notice.check_id, FIELD_CHARS)),
        ("Target", code(notice.target, FIELD_CHARS)),
        ("Region", code(notice.region, FIELD_CHARS)),
        ("Severity", escape(notice.severity, FIELD_CHARS)),
        ("Reason", code(notice.reason, FIELD_CHARS)),
        ("Since", f"<!date^{int(notice.since)}^{{date_short_pretty}} {{time_secs}}|{iso(notice.since)}>"),
    ]
    if notice.at > notice.since:
        label = "Was down for" if notice.kind is NoticeKind.RESOLVE else "Down for"
        fields.append((label, format_duration(notice.at - notice.since)))
    return fields


def _message(notice: Notice) -> list[dict[str, Any]]:
    text = escape(notice.message.strip().replace("`", "ˋ"), MESSAGE_CHARS)
    return [{"type": "section", "text": _mrkdwn(f"```{text}```")}] if text else []


def _expectations(notice: Notice) -> list[dict[str, Any]]:
    lines = [
        f"• {code(name, SEEN_CHARS)} expected {code(expected, SEEN_CHARS)}, saw {code(seen, SEEN_CHARS)}"
        for name, expected, seen in notice.expected[:EXPECTATIONS]
    ]
    more = len(notice.expected) - EXPECTATIONS
    if more > 0:
        lines.append(f"… and {more} more")
    return [{"type": "section", "text": _mrkdwn("\n".join(lines))}] if lines else []


def _footer(notice: Notice) -> str:
    parts = [f"incident {code(notice.incident_id, FIELD_CHARS)}"]
    if notice.runbook:
        parts.append(f"<{escape(notice.runbook, FIELD_CHARS).replace('|', '%7C')}|Runbook>")
    parts += [f"<{escape(url, FIELD_CHARS).replace('|', '%7C')}|{escape(kind, 50)}>" for kind, url in notice.evidence]
    if notice.tags:
        parts.append(escape(" ".join(f"#{tag}" for tag in notice.tags), FIELD_CHARS))
    return " · ".join(parts)
