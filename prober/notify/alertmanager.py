"""Alertmanager's API v2: every peer is told, again every minute while something stands and five minutes after.

https://prometheus.io/docs/alerting/latest/alerts_api/
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from prober.clock import Clock, SystemClock, iso
from prober.faults import DeliveryFault, Permanent, Retryable, describe
from prober.judge.texts import listed
from prober.model import Notice
from prober.notify import Channel, Receipt
from prober.notify._alerts import ended_at, generator_url, is_resolved, labels, remarks, starts_at
from prober.notify._posting import HeaderValue, Poster, WebUrl
from prober.secret import Secret

PATH = "/api/v2/alerts"
FIRING_S = 240.0
"""A firing alert ends so long after it was told last: three repetitions may be missed."""
BATCH = 100

LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class Spec(Channel):
    """Sends alerts to a cluster of Alertmanagers, which routes, groups and silences them."""

    kind: Literal["alertmanager"]
    """alertmanager"""
    urls: Annotated[tuple[WebUrl, ...], BeforeValidator(listed), Field(strict=False, min_length=1, max_length=10)]
    """Every peer of the cluster, such as http://alertmanager-0:9093; never a load balancer before them."""
    labels: dict[LabelName, str] = {}
    """Labels that every alert gets, for routing there."""
    username: str | None = None
    """For basic authentication, with password."""
    password: Secret | None = None
    """For basic authentication."""
    bearer_token: HeaderValue | None = None
    """For "Authorization: Bearer", instead of a username and a password."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Spec:
        if (self.username is None) != (self.password is None) or (self.username and self.bearer_token):
            raise ValueError("give username and password, or bearer_token, or none of them")
        return self


class Sender:
    """Sends notices to all peers; one that takes it is enough, since peers gossip what they told, and have it soon."""

    repeat_every_s = 60.0
    repeat_resolved_s = 300.0

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._urls = [_endpoint(url.reveal()) for url in spec.urls]
        self._labels = spec.labels
        self._clock = clock or SystemClock()
        self._headers, hide = _authorization(spec)
        passwords = [urlsplit(url).password or "" for url in self._urls]
        self._poster = Poster((*hide, *passwords), clock)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Tell every peer of ``notice``. Raises Retryable or Permanent where none takes it."""
        return await self._tell([notice])

    async def repeat(self, notices: Sequence[Notice]) -> None:
        """Tell every peer again of all that stands. Raises Retryable or Permanent where none takes it."""
        for first in range(0, len(notices), BATCH):
            await self._tell(notices[first : first + BATCH])

    async def close(self) -> None:
        """Give up the connections."""
        await self._poster.close()

    async def _tell(self, notices: Sequence[Notice]) -> Receipt:
        now = self._clock.wall()
        payload = [alert(notice, now, self._labels) for notice in notices]
        found = await asyncio.gather(*(self._tell_peer(url, payload) for url in self._urls))
        faults = [
            (url, fault) for url, fault in zip(self._urls, found, strict=True) if isinstance(fault, DeliveryFault)
        ]
        said = "; ".join(f"{_host(url)} {describe(fault)}" for url, fault in faults)
        taken = next((receipt for receipt in found if isinstance(receipt, Receipt)), None)
        if taken is not None:
            return Receipt(taken.status, f"not taken by {said}" if said else "")
        passing = [fault for _, fault in faults if isinstance(fault, Retryable)]
        if passing:
            raise Retryable(said, max((fault.after_s for fault in passing if fault.after_s is not None), default=None))
        raise Permanent(said)

    async def _tell_peer(self, url: str, payload: list[dict[str, Any]]) -> Receipt | DeliveryFault:
        try:
            return await self._poster.post(url, payload, self._headers)
        except DeliveryFault as fault:
            return fault


def alert(notice: Notice, now: float, more: dict[str, str]) -> dict[str, Any]:
    """``notice`` as an alert told at ``now``."""
    return {
        "labels": labels(notice, more),
        "annotations": remarks(notice),
        "startsAt": starts_at(notice),
        "endsAt": ended_at(notice) if is_resolved(notice) else iso(max(now, notice.since) + FIRING_S),
        "generatorURL": generator_url(notice),
    }


def _endpoint(url: str) -> str:
    bare = url.rstrip("/")
    return bare if bare.endswith(PATH) else bare + PATH


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _authorization(spec: Spec) -> tuple[dict[str, str], list[Secret | str]]:
    if spec.bearer_token is not None:
        return {"Authorization": f"Bearer {spec.bearer_token.reveal()}"}, [spec.bearer_token]
    if spec.username is None or spec.password is None:
        return {}, []
    pair = base64.b64encode(f"{spec.username}:{spec.password.reveal()}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}, [spec.password, pair]
