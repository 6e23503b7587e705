"""Slack with a bot's token: one message an incident, kept up to date, and what follows in its thread."""

from __future__ import annotations

from typing import Any

from prober.clock import Clock
from prober.faults import Permanent, Retryable
from prober.model import Notice
from prober.notify import Receipt
from prober.notify._posting import MESSAGE_REPLY_BYTES, Answer, Poster
from prober.notify.slack.message import message
from prober.secret import Secret

# https://docs.slack.dev/reference/methods/chat.postMessage#errors; all others stay as they are until somebody acts.
_PASSING = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "server_error",
        "team_added_to_org",
    }
)


class Bot:
    """Posts by ``chat.postMessage`` and keeps the first message up to date by ``chat.update``."""

    def __init__(self, api_url: str, token: Secret, channel: str, clock: Clock | None = None) -> None:
        self._api_url = api_url.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {token.reveal()}",
            "Content-Type": "application/json; charset=utf-8",
        }
        self._channel = channel
        self._poster = Poster((token,), clock, MESSAGE_REPLY_BYTES)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Post ``notice``, in the thread of ``earlier`` where there is one. Raises Retryable or Permanent."""
        channel, _, first = earlier.partition("/")
        said = message(notice)
        if first and await self._follows(channel, first, said):
            return Receipt(200, "told in its thread", earlier)
        answer = await self._call("chat.postMessage", {"channel": self._channel, **said})
        told = answer.fields
        return Receipt(answer.status, "", f"{told.get('channel', self._channel)}/{told.get('ts', '')}")

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()

    async def _follows(self, channel: str, first: str, said: dict[str, Any]) -> bool:
        """Whether the first message could be updated and answered; it may be gone, locked or in another workspace."""
        try:
            # The update first: it may be repeated when the reply fails, a reply may not.
            await self._call("chat.update", {"channel": channel, "ts": first, **said})
            await self._call("chat.postMessage", {"channel": channel, "thread_ts": first, **said})
        except Permanent:
            return False  # what else is wrong will be told of the message that stands alone
        return True

    async def _call(self, method: str, payload: dict[str, Any]) -> Answer:
        answer = await self._poster.ask(f"{self._api_url}/{method}", payload, self._headers)
        if not answer.is_success:
            raise answer.fault()
        told = answer.fields
        if told.get("ok") is True:
            return answer
        code = self._poster.shown(str(told.get("error", "")))
        if code in _PASSING:
            raise Retryable(f"{method}: {code}", answer.after_s)
        raise Permanent(f"{method}: {code or f'not as Slack answers: {answer.text}'}")
