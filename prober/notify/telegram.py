"""Telegram, as a bot: what follows answers the incident's first message. Limit: 4,096 UTF-16 units a message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from prober.clock import Clock
from prober.faults import Permanent
from prober.model import Notice
from prober.notify import Channel, Receipt
from prober.notify._posting import MESSAGE_REPLY_BYTES, Answer, Poster, PublicUrl
from prober.notify._texts import cut, width
from prober.notify._wording import Tone, facts, headline, links, members, seen, tone, unmet
from prober.secret import Secret

MESSAGE_UNITS = 4_096
HEADLINE_UNITS = 300
LINE_UNITS = 500

_MARKS = {Tone.BAD: "🔴", Tone.POOR: "🟠", Tone.GOOD: "🟢"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{5,100}", re.ASCII)
_CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z0-9_]{4,40}", re.ASCII)


def _token(token: Secret) -> Secret:
    if not _TOKEN.fullmatch(token.reveal()):
        raise ValueError("expected a bot's token such as 123456:ABC-DEF")
    return token


def _chat(chat: str) -> str:
    if not _CHAT.fullmatch(chat):
        raise ValueError("expected a chat's id such as \"-1001234567890\", or a channel's @name")
    return chat


class Spec(Channel):
    """Sends messages to one Telegram chat as a bot."""

    kind: Literal["telegram"]
    """telegram"""
    token: Annotated[Secret, AfterValidator(_token)]
    """The bot's token, from @BotFather."""
    chat_id: Annotated[str, AfterValidator(_chat)]
    """The chat's id, in quotes ("-1001234567890"), or a public channel's @name."""
    thread_id: int | None = None
    """The topic of a forum the messages go to."""
    api_url: PublicUrl = "https://api.telegram.org"
    """The Bot API's server."""


class Sender:
    """Sends notices to one chat."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._spec = spec
        self._chat_id = spec.chat_id
        self._url = f"{spec.api_url.rstrip('/')}/bot{spec.token.reveal()}/sendMessage"
        self._poster = Poster((spec.token,), clock, MESSAGE_REPLY_BYTES)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Send ``notice`` once, as an answer to ``earlier``. Raises Retryable or Permanent."""
        said = payload(notice, self._spec.thread_id, earlier)
        answer = await self._ask(said)
        moved_to = _parameter(answer, "migrate_to_chat_id")
        if moved_to is not None:  # the group became a supergroup, under another id
            self._chat_id = str(moved_to)
            answer = await self._ask(said)
        if not answer.is_success:
            raise answer.fault(_parameter(answer, "retry_after"))
        result = answer.fields.get("result")
        if answer.fields.get("ok") is not True or not isinstance(result, dict):
            raise Permanent(f"answered {answer.status}, but not as Telegram does: {answer.text}")
        moved = "" if self._chat_id == self._spec.chat_id else f"the chat has moved: chat_id is now {self._chat_id}"
        return Receipt(answer.status, moved, earlier or str(result.get("message_id", "")))

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()

    async def _ask(self, said: dict[str, Any]) -> Answer:
        chat = self._chat_id if self._chat_id.startswith("@") else int(self._chat_id)
        return await self._poster.ask(self._url, {"chat_id": chat, **said})


def payload(notice: Notice, thread_id: int | None = None, earlier: str = "") -> dict[str, Any]:
    """The message, but for its chat."""
    said: dict[str, Any] = {
        "text": text(notice),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
    if thread_id is not None:
        said["message_thread_id"] = thread_id
    if earlier.isascii() and earlier.isdigit():
        # Without the second one a deleted message would cost every later notice of its incident.
        said["reply_parameters"] = {"message_id": int(earlier), "allow_sending_without_reply": True}
    return said


def text(notice: Notice) -> str:
    """The message in Telegram's HTML; every line closes its own tags, and those beyond the limit are left out."""
    shown, room = [], MESSAGE_UNITS
    for line in _lines(notice):
        if width(line) < room:
            shown.append(line)
            room -= width(line) + 1
    return "\n".join(shown)


def _lines(notice: Notice) -> Iterator[str]:
    yield f"{_MARKS[tone(notice)]} <b>{escape(headline(notice), HEADLINE_UNITS)}</b>"
    if seen(notice):
        yield f"<code>{escape(seen(notice), LINE_UNITS)}</code>"
    linked = [f'<a href="{escape(one.url, 2_000)}">{escape(one.label, 100)}</a>' for one in links(notice)]
    if linked:
        yield " · ".join(linked[:3])
    for line in (*unmet(notice), *members(notice)):
        yield f"• {escape(line, LINE_UNITS)}"
    for fact in facts(notice):
        yield f"<b>{escape(fact.label, 50)}</b>: <code>{escape(fact.value, LINE_UNITS)}</code>"
    if notice.note.strip():
        yield f"<i>{escape(notice.note, LINE_UNITS)}</i>"
    if linked[3:]:
        yield " · ".join(linked[3:])


def escape(value: str, limit: int) -> str:
    """``value`` for Telegram's HTML, entities whole."""
    return cut(value, limit, _ENTITIES)


def _parameter(answer: Answer, name: str) -> int | None:
    found = answer.fields.get("parameters")
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, int) else None
