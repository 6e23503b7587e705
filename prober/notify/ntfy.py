"""ntfy, at ntfy.sh or one's own: pushed to the phones that follow a topic. Limits: 4,096 bytes, three actions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from prober.clock import Clock
from prober.model import Notice, NoticeKind
from prober.notify import Channel, Receipt
from prober.notify._plain import plain_text
from prober.notify._posting import HeaderValue, Poster, PublicUrl
from prober.notify._texts import clean, cut
from prober.notify._wording import Tone, headline, links, tone
from prober.secret import Secret

MESSAGE_BYTES = 4_000
TITLE_CHARS = 200
ACTIONS = 3

_PRIORITIES = {"critical": 5, "warning": 4, "info": 3}
_MARKS = {Tone.BAD: "rotating_light", Tone.POOR: "warning", Tone.GOOD: "white_check_mark"}


def _topic(topic: Secret) -> Secret:
    text = topic.reveal()
    if not (1 <= len(text) <= 64 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()):
        raise ValueError("expected a topic of up to 64 letters, digits, dashes and underscores")
    return topic


class Spec(Channel):
    """Publishes to one topic of an ntfy server."""

    kind: Literal["ntfy"]
    """ntfy"""
    url: PublicUrl = "https://ntfy.sh"
    """The server."""
    topic: Annotated[Secret, AfterValidator(_topic)]
    """The topic; on a server without access control whoever knows it can read along."""
    token: HeaderValue | None = None
    """An access token (tk_...), where the server asks for one."""


class Sender:
    """Publishes notices as messages."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._url, self._topic = spec.url, spec.topic
        self._headers = {"Authorization": f"Bearer {spec.token.reveal()}"} if spec.token else {}
        self._poster = Poster(filter(None, (spec.topic, spec.token)), clock)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Publish ``notice`` once. Raises Retryable or Permanent."""
        return await self._poster.post(self._url, {"topic": self._topic.reveal(), **payload(notice)}, self._headers)

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()


def payload(notice: Notice) -> dict[str, Any]:
    """The message as JSON (https://docs.ntfy.sh/publish/#publish-as-json), but for the topic."""
    found = links(notice)
    over = notice.kind is NoticeKind.RESOLVE or notice.test
    return {
        "title": cut(headline(notice), TITLE_CHARS),
        "message": plain_text(notice, MESSAGE_BYTES),
        "priority": 3 if over else _PRIORITIES.get(notice.severity, 4),
        "tags": [_MARKS[tone(notice)], *(clean(tag)[:50] for tag in notice.tags[:5])],
        **({"click": found[0].url} if found else {}),
        "actions": [{"action": "view", "label": one.label, "url": one.url} for one in found[:ACTIONS]],
    }
