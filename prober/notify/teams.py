"""Microsoft Teams, over a workflow that posts an Adaptive Card; connectors are retired, and take other cards.

What a target said stands in text runs, in which Teams reads no Markdown. A message may have 28 KB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from prober.clock import Clock
from prober.model import Notice
from prober.notify import Channel, Receipt
from prober.notify._posting import Poster, WebUrl, encoded, secrets_of
from prober.notify._texts import cut
from prober.notify._wording import Tone, facts, headline, links, members, seen, summary, tone, unmet

HEADLINE_CHARS = 250
SEEN_CHARS = 800
LINE_CHARS = 300
VALUE_CHARS = 250
MESSAGE_BYTES = 27_000
BUTTONS = 6  # Teams shows no more

_COLOURS = {Tone.BAD: "attention", Tone.POOR: "warning", Tone.GOOD: "good"}


class Spec(Channel):
    """Posts to the chat or channel of a workflow that begins with "When a Teams webhook request is received"."""

    kind: Literal["teams"]
    """teams"""
    url: WebUrl
    """The workflow's URL, with its signature; the workflow stops with its owner's account, so give it a co-owner."""


class Sender:
    """Posts notices as cards."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._url = spec.url
        self._poster = Poster(secrets_of(spec.url), clock)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Post ``notice`` once. Raises Retryable or Permanent."""
        return await self._poster.post(self._url.reveal(), payload(notice))

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()


def payload(notice: Notice) -> dict[str, Any]:
    """The message a workflow takes: one card. Of long lists as much is told as there is room for."""
    lines = [*unmet(notice), *members(notice)]
    while True:
        message = _message(notice, lines)
        if not lines or len(encoded(message)) <= MESSAGE_BYTES:
            return message
        lines.pop()


def _message(notice: Notice, lines: Sequence[str]) -> dict[str, Any]:
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "full"},
        "fallbackText": cut(summary(notice), HEADLINE_CHARS),
        "body": _body(notice, lines),
        "actions": [{"type": "Action.OpenUrl", "title": one.label, "url": one.url} for one in links(notice)[:BUTTONS]],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _body(notice: Notice, lines: Sequence[str]) -> list[dict[str, Any]]:
    title = _run(cut(headline(notice), HEADLINE_CHARS), size="large", weight="bolder", color=_COLOURS[tone(notice)])
    said = [_run(cut(seen(notice), SEEN_CHARS), fontType="monospace")] if seen(notice) else []
    listed = [[_run(f"• {cut(line, LINE_CHARS)}")] for line in lines]
    told = [[_run(f"{fact.label}: ", weight="bolder"), _run(cut(fact.value, VALUE_CHARS))] for fact in facts(notice)]
    note = [_run(cut(notice.note, SEEN_CHARS), isSubtle=True)] if notice.note.strip() else []
    shown = [[title], said, *listed, *told, note]
    return [{"type": "RichTextBlock", "spacing": "small", "inlines": runs} for runs in shown if runs]


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}
