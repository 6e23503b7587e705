"""A channel to Acme's pager, which takes JSON over HTTP."""

from __future__ import annotations

from typing import Literal

import httpx

from prober.faults import Permanent, Retryable
from prober.model import Notice
from prober.notify import Channel, Receipt
from prober.secret import Secret

TIMEOUT_S = 8.0


class Spec(Channel):
    """Posts each notice to the pager."""

    kind: Literal["pager"]
    """pager"""
    url: Secret
    """Where to post to; whoever knows it can page, so it is a secret."""
    team: str
    """Whose pager rings."""


class Sender:
    """Sends notices. How often to try, and in which order, is not its business."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S)

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Send ``notice`` once. Raises Retryable or Permanent."""
        page = {
            "id": notice.id,  # the same when it is sent again, so that nobody is paged twice
            "team": self._spec.team,
            "kind": notice.kind.value,
            "text": f"{notice.title}: {notice.message}",
        }
        try:
            answer = await self._client.post(self._spec.url.reveal(), json=page)
        except httpx.HTTPError as error:
            raise Retryable(type(error).__name__) from error  # its text may have the URL in it
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Retryable(f"HTTP {answer.status_code}")
        if answer.is_error:
            raise Permanent(f"HTTP {answer.status_code}")
        return Receipt(answer.status_code)

    async def close(self) -> None:
        """Give up connections."""
        await self._client.aclose()
