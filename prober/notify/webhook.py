"""Any service that takes JSON over HTTP: the notice's fields, versioned, with an idempotency key."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from prober.clock import Clock, iso
from prober.model import Notice, NoticeKind
from prober.notify import Channel, Receipt
from prober.notify._posting import Poster, WebUrl
from prober.secret import Secret

SCHEMA_VERSION = 1


def _header_value(value: Secret) -> Secret:
    text = value.reveal()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("expected a header value of printable ASCII on one line")
    return value


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[Secret, AfterValidator(_header_value)]


class Spec(Channel):
    """Posts each notice as JSON; any 2xx answer means it was taken."""

    kind: Literal["webhook"]
    """webhook"""
    url: WebUrl
    """Where to post to."""
    headers: dict[HeaderName, HeaderValue] = {}
    """Further request headers, such as Authorization."""


class Sender:
    """Posts notices to one webhook."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._headers = {name: value.reveal() for name, value in spec.headers.items()}
        self._poster = Poster(spec.url, clock)

    async def send(self, notice: Notice) -> Receipt:
        """Post ``notice`` once. Raises Retryable or Permanent."""
        return await self._poster.post(payload(notice), {**self._headers, "Idempotency-Key": notice.id})

    async def close(self) -> None:
        """Give up the connection."""
        await self._poster.close()


def payload(notice: Notice) -> dict[str, Any]:
    """The notice in schema version 1. Within a version keys are only ever added."""
    return {
        "version": SCHEMA_VERSION,
        "id": notice.id,
        "kind": notice.kind.value,
        "status": "up" if notice.kind is NoticeKind.RESOLVE else "down",
        "incident": notice.incident_id,
        "dedup_key": notice.dedup_key,
        "check": notice.check_id,
        "title": notice.title,
        "region": notice.region,
        "target": notice.target,
        "severity": notice.severity,
        "reason": notice.reason,
        "message": notice.message,
        "since": iso(notice.since),
        "at": iso(notice.at),
        "duration_s": round(max(0.0, notice.at - notice.since), 3),
        "failures": notice.failures,
        "expectations": [
            {"expectation": name, "expected": expected, "seen": seen} for name, expected, seen in notice.expected
        ],
        "tags": list(notice.tags),
        "runbook": notice.runbook,
        "evidence": [{"kind": kind, "url": url} for kind, url in notice.evidence],
    }
