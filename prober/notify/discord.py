"""Discord, over a channel's webhook: an embed with a bar of colour; the incident's first one is kept up to date.

Limits: title 256 characters, description 4,096, 25 fields of 256 and 1,024, and 6,000 for all of it together.
"""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from prober.clock import Clock, iso
from prober.faults import DeliveryFault, Permanent
from prober.model import Notice
from prober.notify import Channel, Receipt
from prober.notify._posting import MESSAGE_REPLY_BYTES, Answer, Poster, WebUrl, secrets_of
from prober.notify._texts import cut
from prober.notify._wording import Tone, facts, headline, links, members, seen, tone, unmet

TITLE_CHARS = 256
LINE_CHARS = 220
DESCRIPTION_CHARS = 2_800
VALUE_CHARS = 160
NAME_CHARS = 25

_COLOURS = {Tone.BAD: 0xD92D20, Tone.POOR: 0xF79009, Tone.GOOD: 0x12B76A}
_MARKDOWN = {**{char: f"\\{char}" for char in "\\`*_~|<>[]()#"}, "@": "@\u200b"}
_IN_CODE = {"`": "ˋ"}
_MESSAGE_ID = re.compile(r"\d{1,20}", re.ASCII)


class Spec(Channel):
    """Posts to the Discord channel a webhook belongs to."""

    kind: Literal["discord"]
    """discord"""
    webhook_url: WebUrl
    """The webhook's URL; with ?thread_id=... notices go to that thread."""


class Sender:
    """Posts notices to one webhook."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._url = spec.webhook_url.reveal()
        self._poster = Poster(secrets_of(spec.webhook_url), clock, MESSAGE_REPLY_BYTES)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Update the incident's first message, and post. Raises Retryable or Permanent."""
        said = payload(notice)
        first = earlier if _MESSAGE_ID.fullmatch(earlier) and await self._updates(earlier, said) else ""
        answer = await self._poster.ask(_url(self._url, "", wait="true"), said)
        if not answer.is_success:
            raise _fault(answer)
        made = str(answer.fields.get("id", ""))
        if not _MESSAGE_ID.fullmatch(made):
            raise Permanent(f"answered {answer.status}, but not as Discord does: {answer.text}")
        return Receipt(answer.status, "", first or made)

    async def _updates(self, first: str, said: dict[str, Any]) -> bool:
        """Whether the first message is still there to be updated."""
        # Before the post: an update may be repeated when the post fails, a post may not.
        answer = await self._poster.ask(_url(self._url, f"/messages/{first}"), said, method="PATCH")
        if answer.may_pass:
            raise _fault(answer)
        return answer.is_success

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()


def payload(notice: Notice) -> dict[str, Any]:
    """The message: one embed that mentions nobody."""
    embed = {
        "title": cut(headline(notice), TITLE_CHARS, _MARKDOWN),
        "description": _description(notice),
        "color": _COLOURS[tone(notice)],
        "timestamp": iso(notice.at),
        "fields": [
            {"name": fact.label[:NAME_CHARS], "value": _value(fact.value, fact.at), "inline": True}
            for fact in facts(notice)
        ],
    }
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _description(notice: Notice) -> str:
    said = [_code(seen(notice), 2 * LINE_CHARS)] if seen(notice) else []
    lines = [f"• {_code(line, LINE_CHARS)}" for line in (*unmet(notice), *members(notice))]
    note = [cut(notice.note, 2 * LINE_CHARS, _MARKDOWN)] if notice.note.strip() else []
    linked = [f"[{cut(one.label, 80, _MARKDOWN)}](<{one.url}>)" for one in links(notice)]
    shown, room = [], DESCRIPTION_CHARS
    # What can be done comes before the end of a long list, since what finds no room is left out.
    for line in (*said, *note, *linked[:3], *lines, *linked[3:]):
        if len(line) < room:
            shown.append(line)
            room -= len(line) + 1
    return "\n".join(shown)


def _value(text: str, at: float | None) -> str:
    return _code(text, VALUE_CHARS) if at is None else f"<t:{int(at)}:f>"


def _code(text: str, limit: int) -> str:
    """``text`` where Discord formats nothing; backticks cannot end it."""
    return f"`{cut(text, limit - 2, _IN_CODE) or ' '}`"


def _url(webhook: str, further: str, **more: str) -> str:
    parts = urlsplit(webhook)
    query = "&".join(filter(None, (parts.query, *(f"{name}={value}" for name, value in more.items()))))
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + further, query, ""))


def _fault(answer: Answer) -> DeliveryFault:
    after_s = answer.fields.get("retry_after")
    given = isinstance(after_s, int | float) and 0 <= after_s < 86_400
    return answer.fault(float(after_s) if given and after_s is not None else None)
