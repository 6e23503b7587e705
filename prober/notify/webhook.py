"""Any service that takes JSON over HTTP: the notice's fields, versioned, signed, with an idempotency key."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Literal

from prober.clock import Clock, SystemClock, iso
from prober.model import Notice, NoticeKind
from prober.notify import Channel, Receipt
from prober.notify._alerts import (
    ended_at,
    fingerprint,
    generator_url,
    group_key,
    is_resolved,
    labels,
    remarks,
    starts_at,
)
from prober.notify._posting import HeaderName, HeaderValue, Poster, WebUrl, encoded, secrets_of
from prober.notify._wording import headline
from prober.secret import Secret

SCHEMA_VERSION = 1
NEVER = "0001-01-01T00:00:00Z"  # how Alertmanager writes that something has not ended


class Spec(Channel):
    """Posts each notice as JSON; any 2xx answer means it was taken."""

    kind: Literal["webhook"]
    """webhook"""
    url: WebUrl
    """Where to post to."""
    headers: dict[HeaderName, HeaderValue] = {}
    """Further request headers, such as Authorization."""
    format: Literal["prober", "alertmanager"] = "prober"
    """The shape of the JSON: the prober's own, or that of Alertmanager's webhooks (version 4) for what takes those."""
    signing_key: Secret | None = None
    """Signs each request: X-Prober-Signature is v1= and the HMAC-SHA256 of X-Prober-Timestamp, a dot and the body."""


class Sender:
    """Posts notices to one webhook."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._url = spec.url
        self._headers = {name: value.reveal() for name, value in spec.headers.items()}
        self._payload = alertmanager_payload if spec.format == "alertmanager" else payload
        self._key = spec.signing_key
        self._clock = clock or SystemClock()
        hide: list[Secret | str] = [*secrets_of(spec.url), *spec.headers.values()]
        self._poster = Poster([*hide, spec.signing_key] if spec.signing_key else hide, clock)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Post ``notice`` once. Raises Retryable or Permanent."""
        body = encoded(self._payload(notice))
        headers = {**self._headers, "Idempotency-Key": notice.id, **self._signature(body)}
        return await self._poster.post(self._url.reveal(), body, headers)

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()

    def _signature(self, body: bytes) -> dict[str, str]:
        if self._key is None:
            return {}
        timestamp = str(int(self._clock.wall()))
        signed = hmac.new(self._key.reveal().encode(), b"%b.%b" % (timestamp.encode(), body), hashlib.sha256)
        return {"X-Prober-Timestamp": timestamp, "X-Prober-Signature": f"v1={signed.hexdigest()}"}


def payload(notice: Notice) -> dict[str, Any]:
    """The notice in schema version 1. Within a version keys are only ever added."""
    return {
        "version": SCHEMA_VERSION,
        "id": notice.id,
        "kind": notice.kind.value,
        "status": "up" if notice.kind is NoticeKind.RESOLVE else "down",
        "condition": str(notice.condition),
        "headline": headline(notice),
        "incident": notice.incident_id,
        "dedup_key": notice.dedup_key,
        "check": notice.check_id,
        "title": notice.title,
        "region": notice.region,
        "regions_down": list(notice.regions_down),
        "regions_up": list(notice.regions_up),
        "target": notice.target,
        "severity": notice.severity,
        "reason": notice.reason,
        "message": notice.message,
        "since": iso(notice.since),
        "at": iso(notice.at),
        "duration_s": round(max(0.0, notice.at - notice.since), 3),
        "last_good": None if notice.last_good is None else iso(notice.last_good),
        "failures": notice.failures,
        "expectations": [
            {"expectation": name, "expected": expected, "seen": seen} for name, expected, seen in notice.expected
        ],
        "step": notice.step,
        "phases": dict(notice.phases),
        "trace": notice.trace,
        "tags": list(notice.tags),
        "runbook": notice.runbook,
        "evidence": [{"kind": kind, "url": url} for kind, url in notice.evidence],
        "actions": [{"label": label, "url": url} for label, url in notice.actions],
        "members": [{"check": check, "title": title, "message": said} for check, title, said in notice.members],
        "note": notice.note,
        "test": notice.test,
    }


def alertmanager_payload(notice: Notice) -> dict[str, Any]:
    """The notice as Alertmanager's webhook receiver would post it, in its version 4."""
    identity, told = labels(notice, {}), remarks(notice)
    status = "resolved" if is_resolved(notice) else "firing"
    alert = {
        "status": status,
        "labels": identity,
        "annotations": told,
        "startsAt": starts_at(notice),
        "endsAt": ended_at(notice) if is_resolved(notice) else NEVER,
        "generatorURL": generator_url(notice),
        "fingerprint": fingerprint(identity),
    }
    return {
        "version": "4",
        "groupKey": group_key(identity),
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "prober",
        "groupLabels": {"alertname": identity["alertname"]},
        "commonLabels": identity,
        "commonAnnotations": told,
        "externalURL": "",
        "alerts": [alert],
    }
