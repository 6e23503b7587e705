"""The shelf of notifiers, one service a file: each declares the Channel a user writes and sends Notices to it.

A module named in ``CHANNELS`` holds ``Spec``, a subclass of ``Channel``, and ``Sender(spec)``, a Notifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

from pydantic import Field

from prober.model import Notice, Strict
from prober.shelf import Shelf

_BUILT_IN = {
    "alertmanager": "prober.notify.alertmanager",
    "apprise": "prober.notify.apprise",
    "discord": "prober.notify.discord",
    "email": "prober.notify.email",
    "ntfy": "prober.notify.ntfy",
    "opsgenie": "prober.notify.opsgenie",
    "pagerduty": "prober.notify.pagerduty",
    "slack": "prober.notify.slack",
    "sns": "prober.notify.sns",
    "teams": "prober.notify.teams",
    "telegram": "prober.notify.telegram",
    "webhook": "prober.notify.webhook",
}
CHANNELS = Shelf("prober.notifiers", _BUILT_IN)


class Channel(Strict):
    """Where notices can be sent; every kind adds its own fields."""

    kind: str
    """The service: slack, pagerduty, email, webhook, alertmanager, ..."""
    per_minute: Annotated[int, Field(ge=1, le=6000)] = 60
    """At most so many notices a minute; what comes beyond waits, in order."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the service said when it took a notice."""

    status: int
    detail: str = ""
    reference: str = ""
    """What a later notice of the same incident needs to update or answer this one, such as a message's id."""


class Notifier(Protocol):
    """Sends notices to one service."""

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Send ``notice`` once. Raises Retryable or Permanent; how often to try is not its business.

        ``earlier`` is the ``reference`` in the receipt of the incident's first notice, if it had one.
        """
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...


@runtime_checkable
class Repeating(Protocol):
    """A notifier whose service forgets what it is not told again, as Alertmanager does."""

    repeat_every_s: float
    repeat_resolved_s: float
    """For how long after it was sent a resolve is told again."""

    async def repeat(self, notices: Sequence[Notice]) -> None:
        """Tell again all that stands: the latest notice of every incident. Raises Retryable or Permanent."""
        ...
