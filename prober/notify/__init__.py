"""The shelf of notifiers, one service a file: each declares the Channel a user writes and sends Notices to it.

A module named in ``CHANNELS`` holds ``Spec``, a subclass of ``Channel``, and ``Sender(spec)``, a Notifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from prober.model import Notice, Strict

CHANNELS = {
    "slack": "prober.notify.slack",
    "webhook": "prober.notify.webhook",
}


class Channel(Strict):
    """Where notices can be sent; every kind adds its own fields."""

    kind: str
    """The service: slack or webhook."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the service said when it took a notice."""

    status: int
    detail: str = ""


class Notifier(Protocol):
    """Sends notices to one service."""

    async def send(self, notice: Notice) -> Receipt:
        """Send ``notice`` once. Raises Retryable or Permanent; how often to try is not its business."""
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...
