"""Slack, over an incoming webhook, or with a bot's token: then an incident is one message, updated and threaded."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from prober.clock import Clock
from prober.faults import Permanent
from prober.model import Notice
from prober.notify import Channel, Notifier, Receipt
from prober.notify._posting import HeaderValue, Poster, PublicUrl, WebUrl, secrets_of
from prober.notify.slack.bot import Bot
from prober.notify.slack.message import message
from prober.secret import Secret

__all__ = ["Sender", "Spec", "message"]


class Spec(Channel):
    """Posts to a Slack channel: over an incoming webhook, or as a bot that keeps one message an incident."""

    kind: Literal["slack"]
    """slack"""
    webhook_url: WebUrl | None = None
    """The incoming webhook's URL, best as "${SLACK_WEBHOOK_URL}"; every notice is a message of its own then."""
    token: HeaderValue | None = None
    """A bot's token (xoxb-...) with the scope chat:write, instead of a webhook."""
    channel: str | None = None
    """Where the bot posts: a channel's id such as C0123456789, best, or its name; the bot must be a member."""
    api_url: PublicUrl = "https://slack.com/api"
    """Slack's Web API; https://slack-gov.com/api for GovSlack."""

    @model_validator(mode="after")
    def _one_way(self) -> Spec:
        if (self.webhook_url is None) == (self.token is None) or (self.token is None) != (self.channel is None):
            raise ValueError("give either webhook_url, or token and channel")
        return self


class Sender:
    """Posts notices in the one way or the other."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._notifier: Notifier
        if spec.webhook_url is not None:
            self._notifier = Hook(spec.webhook_url, clock)
        else:
            token, channel = spec.token or Secret(""), spec.channel or ""
            self._notifier = Bot(spec.api_url, token, channel, clock)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Post ``notice`` once. Raises Retryable, or Permanent where Slack refuses it or something else answered."""
        return await self._notifier.send(notice, earlier)

    async def close(self) -> None:
        """Give up the connection."""
        await self._notifier.close()


class Hook:
    """Posts to one incoming webhook, which can neither update nor answer."""

    def __init__(self, url: Secret, clock: Clock | None = None) -> None:
        self._url = url
        self._poster = Poster(secrets_of(url), clock)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Post ``notice`` once. Raises Retryable or Permanent."""
        receipt = await self._poster.post(self._url.reveal(), message(notice))
        # A login page or a proxy answers 200 too; an empty reply is Slack's, broken off.
        if receipt.detail not in ("ok", ""):
            raise Permanent(f"answered {receipt.status}, but not as Slack does: {receipt.detail}")
        return receipt

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()
