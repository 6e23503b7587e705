"""Opsgenie, and the operations side of Jira Service Management, which speaks the same: one alert an incident.

Limits: message 130 characters, alias 512, description 15,000, 20 tags of 50, details 8,000, entity 512, note 25,000.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from prober.clock import Clock
from prober.model import Notice, NoticeKind
from prober.notify import Channel, Receipt
from prober.notify._plain import plain_text
from prober.notify._posting import HeaderValue, Poster, PublicUrl
from prober.notify._texts import cut, short_key
from prober.notify._wording import facts, headline, summary

MESSAGE_CHARS = 130
ALIAS_CHARS = 512
DESCRIPTION_BYTES = 15_000
DETAIL_CHARS = 400
TAGS, TAG_CHARS = 20, 50

_PRIORITIES = {"critical": "P1", "warning": "P3", "info": "P5"}


class Spec(Channel):
    """Opens and closes alerts in Opsgenie or Jira Service Management."""

    kind: Literal["opsgenie"]
    """opsgenie"""
    api_key: HeaderValue
    """The key of an API integration."""
    url: PublicUrl = "https://api.opsgenie.com/v2/alerts"
    """Where alerts are made; https://api.eu.opsgenie.com/v2/alerts in the EU, and for Jira Service Management
    https://api.atlassian.com/jsm/ops/integration/v2/alerts."""


class Sender:
    """Sends notices as alerts and their ends."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._url = spec.url.rstrip("/")
        self._headers = {"Authorization": f"GenieKey {spec.api_key.reveal()}"}
        self._poster = Poster((spec.api_key,), clock)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Open the alert, count it again, or close it. Raises Retryable or Permanent."""
        key = alias(notice)
        if notice.kind is NoticeKind.RESOLVE:
            url, body = f"{self._url}/{quote(key, safe='')}/close?identifierType=alias", closing(notice)
        else:
            url, body = self._url, payload(notice)
        return (await self._poster.ask(url, body, self._headers)).receipt(key)

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()


def alias(notice: Notice) -> str:
    """What an alert is found by again; no slash, since it stands in a path."""
    return short_key(notice.dedup_key.replace("/", ":"), ALIAS_CHARS)


def payload(notice: Notice) -> dict[str, Any]:
    """The alert; sent again under the same alias it is counted, not opened again."""
    return {
        "message": cut(headline(notice), MESSAGE_CHARS),
        "alias": alias(notice),
        "description": plain_text(notice, DESCRIPTION_BYTES),
        "priority": "P5" if notice.test else _PRIORITIES.get(notice.severity, "P3"),
        "source": "prober",
        "entity": cut(notice.check_id, 512),
        "tags": [cut(tag, TAG_CHARS) for tag in notice.tags[:TAGS]],
        "details": {fact.label.lower(): cut(fact.value, DETAIL_CHARS) for fact in facts(notice)},
    }


def closing(notice: Notice) -> dict[str, Any]:
    """What a close carries."""
    return {"source": "prober", "note": cut(summary(notice), 2_000)}
