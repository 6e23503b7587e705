"""PagerDuty, over its Events API v2: one alert an incident, resolved by the same key.

Limits: summary 1,024 characters, dedup_key 255, a request 512 KB; 400 is final, 429 passes in some minutes.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from prober.clock import Clock, iso
from prober.model import Notice, NoticeKind
from prober.notify import Channel, Receipt
from prober.notify._posting import HeaderValue, Poster, PublicUrl
from prober.notify._texts import clean, cut, link, short_key
from prober.notify._wording import facts, links, members, seen, summary, unmet

ENDPOINTS = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}
SUMMARY_CHARS = 1_024
KEY_CHARS = 255
DETAIL_CHARS = 2_000
LIMITED_WAIT_S = 60.0
"""How long to wait where PagerDuty says "too many", but not how long; the limit is one of events a minute."""

_SEVERITIES = {"critical": "critical", "warning": "warning", "info": "info"}
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


class Spec(Channel):
    """Opens and resolves alerts of one PagerDuty service."""

    kind: Literal["pagerduty"]
    """pagerduty"""
    routing_key: HeaderValue
    """The integration key of the service's Events API v2 integration, or of an event orchestration."""
    region: Literal["us", "eu"] = "us"
    """Where the PagerDuty account lives."""
    url: PublicUrl | None = None
    """Another endpoint than the region's, for what speaks the same API."""
    client_url: PublicUrl | None = None
    """Where "View in prober" leads, such as the status page; the notice's first link where it is missing."""


class Sender:
    """Sends notices as events."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._spec = spec
        self._url = spec.url or ENDPOINTS[spec.region]
        self._poster = Poster((spec.routing_key,), clock)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Send ``notice`` as one event. Raises Retryable or Permanent."""
        event = payload(notice, self._spec.client_url)
        answer = await self._poster.ask(self._url, {"routing_key": self._spec.routing_key.reveal(), **event})
        if answer.status == 429 and answer.after_s is None:
            raise answer.fault(LIMITED_WAIT_S)
        return answer.receipt(event["dedup_key"])

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()


def payload(notice: Notice, client_url: str | None = None) -> dict[str, Any]:
    """The event, but for the routing key. The same dedup_key from trigger to resolve makes it one alert."""
    key = short_key(notice.dedup_key, KEY_CHARS)
    if notice.kind is NoticeKind.RESOLVE:
        return {"event_action": "resolve", "dedup_key": key}
    shown = [{"href": one.url, "text": one.label} for one in links(notice)]
    back = client_url or (shown[0]["href"] if shown else "")
    return {
        "event_action": "trigger",
        "dedup_key": key,
        "client": "prober",
        **({"client_url": back} if back else {}),
        "payload": _event(notice),
        "links": shown,
        "images": _images(notice),
    }


def _event(notice: Notice) -> dict[str, Any]:
    found = {
        "summary": cut(summary(notice), SUMMARY_CHARS),
        "source": cut(notice.target or notice.region or notice.check_id, DETAIL_CHARS),
        "severity": "info" if notice.test else _SEVERITIES.get(notice.severity, "error"),
        "timestamp": iso(notice.at),
        "component": cut(notice.check_id, 255),
        "group": cut(notice.tags[0], 255) if notice.tags else "",
        "class": cut(notice.reason, 255),
        "custom_details": _details(notice),
    }
    return {name: value for name, value in found.items() if value}


def _details(notice: Notice) -> dict[str, Any]:
    found: dict[str, Any] = {fact.label.lower(): cut(fact.value, DETAIL_CHARS) for fact in facts(notice)}
    found |= {"seen": cut(seen(notice), DETAIL_CHARS), "note": cut(notice.note, DETAIL_CHARS)}
    found |= {"did not hold": unmet(notice), "told together": members(notice)}
    return {label: value for label, value in found.items() if value}


def _images(notice: Notice) -> list[dict[str, str]]:
    """The pictures among the evidence; PagerDuty takes such as are fetched over TLS only."""
    listed = [(clean(kind), link(url)) for kind, url in notice.evidence]
    pictures = [(kind, url) for kind, url in listed if url.startswith("https://") and _is_picture(kind, url)]
    return [{"src": url, "href": url, "alt": kind[:100]} for kind, url in pictures[:5]]


def _is_picture(kind: str, url: str) -> bool:
    return kind.startswith("screenshot") or urlsplit(url).path.lower().endswith(_PICTURES)
